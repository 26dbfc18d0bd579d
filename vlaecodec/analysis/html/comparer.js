"use strict";
for (const comparer of document.querySelectorAll(".comparer")) {
  const stage = comparer.querySelector(".stage");
  const divider = comparer.querySelector(".divider");
  const images = [...stage.querySelectorAll("img")];
  const [left, right, zoom] = ["left", "right", "zoom"].map((c) => comparer.querySelector("select." + c));
  let percent = 50;

  const divide = (value) => {
    percent = Math.min(100, Math.max(0, value));
    stage.style.setProperty("--divide", percent + "%");
    divider.setAttribute("aria-valuenow", Math.round(percent));
  };
  const show = () => {
    images.forEach((image, index) => {
      image.classList.toggle("left", index === +left.value);
      image.classList.toggle("right", index === +right.value);
    });
    // One picture on both sides has to be whole.
    stage.classList.toggle("same", left.value === right.value);
    stage.classList.toggle("zoomed", zoom.value !== "0");
    stage.style.width = zoom.value === "0" ? "" : images[0].width0 * zoom.value + "px";
  };
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    divide((100 * (event.clientX - box.left)) / box.width);
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (zoom.value !== "0" && event.target !== divider)) return;
    stage.setPointerCapture(event.pointerId);
    follow(event);
    divider.focus({ preventScroll: true });
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  divider.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowLeft: percent - step, ArrowRight: percent + step, Home: 0, End: 100 };
    if (!(event.key in moves)) return;
    divide(moves[event.key]);
    event.preventDefault();
  });
  for (const image of images) image.width0 = +image.getAttribute("width");
  left.value = "0";
  right.value = String(Math.min(1, images.length - 1));
  for (const select of [left, right, zoom]) select.addEventListener("change", show);
  show();
  divide(50);
}
