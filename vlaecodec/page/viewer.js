"use strict";
// The page: one file at a time, from inside it, chosen or dropped.

const SECTION = { alpha: 0, profile: 1, overlay: 5 };
const find = (id) => document.getElementById(id);
const about = JSON.parse(find("about").textContent);
const bytesOf = (id) => {
  const text = atob(find(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
};
const say = (text) => (find("status").textContent = text);

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The RGBA samples of a PNG or WebP, by the browser's own decoder, colours as they are stored. */
async function decodeImage(bytes, width, height) {
  const options = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
  const image = await createImageBitmap(new Blob([bytes]), options);
  if (image.width !== width || image.height !== height) throw Error("The file is damaged.");
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}

let decoder; // made when a file first needs it

async function loadDecoder() {
  const { instance } = await WebAssembly.instantiate(bytesOf("kernels"));
  return new Decoder(instance.exports, readModel(await inflate(bytesOf("weights"))));
}

/** Throws where the picture is not the one that the encoder saw. */
function check(file, picture) {
  for (const { top, left, height, width, crc } of file.tiles) {
    let found = 0;
    for (let row = top; row < top + height; row++) {
      const start = 3 * (row * file.width + left);
      found = crc32(picture.subarray(start, start + 3 * width), found);
    }
    if (found !== crc) throw Error("This browser computes another picture than the encoder did.");
  }
}

async function decodeNetworks(file) {
  if (file.model !== about.model)
    throw Error(`This file needs model ${file.model}; this page holds ${about.modelName}, ${about.model}.`);
  decoder ??= await loadDecoder();
  const picture = await decoder.decode(file);
  check(file, picture);
  const image = new ImageData(file.width, file.height);
  for (let from = 0, to = 0; from < picture.length; from += 3, to += 4) {
    let [red, green, blue] = [picture[from], picture[from + 1], picture[from + 2]];
    if (file.isGrey) red = green = blue = (red + 2 * green + blue + 2) >> 2;
    image.data.set([red, green, blue, 255], to);
  }
  const overlay = file.sections.get(SECTION.overlay);
  if (overlay !== undefined) {
    const { data } = await decodeImage(overlay, file.width, file.height);
    for (let at = 0; at < data.length; at += 4)
      if (data[at + 3] === 255) image.data.set(data.subarray(at, at + 3), at);
  }
  const alpha = file.sections.get(SECTION.alpha);
  if (alpha !== undefined) {
    const { data } = await decodeImage(alpha, file.width, file.height);
    for (let at = 0; at < data.length; at += 4) image.data[at + 3] = data[at + 1];
  }
  return image;
}

let shown; // the name and image on the canvas

async function show(data, name) {
  const started = performance.now();
  find("save").hidden = find("picture").hidden = true;
  say(`Decoding ${name}.`);
  await new Promise((resolve) => setTimeout(resolve, 20)); // so that this is seen
  try {
    const file = readFile(data);
    const { width, height } = file;
    const image = file.isWebP ? await decodeImage(file.tiles[0].body, width, height) : await decodeNetworks(file);
    const canvas = find("picture");
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(image, 0, 0);
    canvas.setAttribute("aria-label", name);
    find("save").hidden = canvas.hidden = false;
    shown = { name, image };
    const notes = [`${name}: ${width} x ${height}, ${data.length} bytes, ${((performance.now() - started) / 1000).toFixed(1)} s`];
    if (file.isExact && !file.isWebP) notes.push("the lossy picture; vlaecodec decodes the exact pixels too");
    if (file.sections.has(SECTION.profile)) notes.push("its colour profile is not applied here");
    say(`${notes.join("; ")}.`);
  } catch (error) {
    say(error.message);
  }
}

async function open(file) {
  if (file) await show(new Uint8Array(await file.arrayBuffer()), file.name.replace(/\.vlae$/i, ""));
}

find("chooser").addEventListener("change", (event) => open(event.target.files[0]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  open(event.dataTransfer.files[0]);
});
find("save").addEventListener("click", async () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await encodePng(shown.image));
  link.download = `${shown.name}.png`;
  link.click();
  URL.revokeObjectURL(link.href);
});
const inside = bytesOf("file");
if (inside.length) show(inside, about.name);
else say(`Waiting for a .vlae file of model ${about.modelName}.`);
