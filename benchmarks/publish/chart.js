"use strict";
for (const chart of document.querySelectorAll(".chart")) {
  const svg = chart.querySelector("svg");
  const tip = chart.querySelector(".tip");
  const dots = [...svg.querySelectorAll("circle")];
  const curves = [...svg.querySelectorAll("path[data-series]")];
  const series = [...new Set(dots.map((dot) => dot.dataset.series))];
  let chosen = null;

  const show = (dot, scroll) => {
    if (chosen) chosen.removeAttribute("stroke");
    chosen = dot;
    for (const curve of curves) {
      curve.classList.toggle("chosen", dot !== null && curve.dataset.series === dot.dataset.series);
    }
    tip.hidden = !dot;
    if (!dot) return;
    dot.setAttribute("stroke", "#000");
    tip.textContent = dot.dataset.tip;
    if (scroll) dot.scrollIntoView({ block: "nearest", inline: "nearest" });
    const box = chart.getBoundingClientRect();
    const at = dot.getBoundingClientRect();
    // On a narrow window the chart scrolls under the tip, and with it.
    const right = chart.scrollLeft + box.width - tip.offsetWidth;
    const left = Math.min(at.left - box.left + chart.scrollLeft + 12, right);
    tip.style.left = Math.max(chart.scrollLeft, left) + "px";
    tip.style.top = at.top - box.top + 14 + "px";
  };
  const distance = (dot, event) => {
    const at = dot.getBoundingClientRect();
    return Math.hypot(at.left + at.width / 2 - event.clientX, at.top + at.height / 2 - event.clientY);
  };
  const follow = (event) => {
    const nearest = dots.reduce((a, b) => (distance(a, event) <= distance(b, event) ? a : b));
    show(distance(nearest, event) < 24 ? nearest : null);
  };
  chart.addEventListener("pointermove", follow);
  chart.addEventListener("pointerdown", follow);
  chart.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") show(null);
  });
  chart.addEventListener("focus", () => show(chosen || dots[0], true));
  chart.addEventListener("blur", () => show(null));
  chart.addEventListener("keydown", (event) => {
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const across = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!along && !across) return;
    event.preventDefault();
    const dot = chosen || dots[0];
    const own = dots.filter((d) => d.dataset.series === dot.dataset.series);
    const place = own.indexOf(dot);
    if (along) return show(own[Math.min(own.length - 1, Math.max(0, place + along))], true);
    const next = (series.indexOf(dot.dataset.series) + across + series.length) % series.length;
    const other = dots.filter((d) => d.dataset.series === series[next]);
    show(other[Math.min(other.length - 1, place)], true);
  });
}
