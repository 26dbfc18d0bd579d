"use strict";
// The container of a .vlae file: FORMAT.md, section 1.

const MAGIC = [0x8b, 0x56, 0x4c, 0x41];
const VERSION = 7;
const TILE_PX = 1024;
const FLAGS = { pixels: 1, grey: 2, sections: 4, webp: 8 };
const MAX_PIXELS = 100e6;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

/** CRC-32 of bytes, going on from that of the bytes before. */
function crc32(bytes, before = 0) {
  let crc = ~before;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}

/** What is in the bytes of a .vlae file. Throws Error with a sentence for people. */
function readFile(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < 21 || MAGIC.some((byte, at) => data[at] !== byte)) throw Error("This is not a .vlae file.");
  if (data[4] !== VERSION) throw Error(`This file is of format version ${data[4]}; this page reads ${VERSION}.`);
  const flags = data[5];
  const file = {
    isExact: Boolean(flags & FLAGS.pixels),
    isGrey: Boolean(flags & FLAGS.grey),
    isWebP: Boolean(flags & FLAGS.webp),
    model: [...data.subarray(6, 10)].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    width: view.getUint16(10, true) + 1,
    height: view.getUint16(12, true) + 1,
    quality: view.getUint16(14, true),
    sections: new Map(),
    tiles: [],
  };
  let at = 19;
  const need = (bytes) => {
    if (at + bytes > data.length) throw Error("The file is cut off.");
  };
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      need(1);
      const byte = data[at++];
      value += (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw Error("The file is damaged: its header says no sizes.");
  };
  if (file.isExact) at++;
  need(1);
  const kinds = flags & FLAGS.sections ? [...Array(8).keys()].filter((kind) => (data[at] >> kind) & 1) : [];
  if (flags & FLAGS.sections) at++;
  const sectionSizes = kinds.map(varint);
  const rows = Math.ceil(file.height / TILE_PX), columns = Math.ceil(file.width / TILE_PX);
  const sizes = Array.from({ length: file.isWebP ? 1 : rows * columns }, varint);
  if (file.isExact && !file.isWebP) sizes.forEach(varint); // of the exact pixels, which are left alone
  need(2);
  const isWhole = crc16(data.subarray(0, at)) === view.getUint16(at, true);
  if (!isWhole || flags & 128 || file.quality < 256 || file.quality > 25600)
    throw Error("The file is damaged: its header does not hold together.");
  if (file.width * file.height > MAX_PIXELS) throw Error("The picture has more than 100 million pixels.");
  at += 2;
  const take = (bytes) => {
    need(bytes);
    at += bytes;
    return data.subarray(at - bytes, at);
  };
  const crc = () => new DataView(take(4).slice().buffer).getUint32(0, true);
  kinds.forEach((kind, index) => {
    const body = take(sectionSizes[index]);
    if (crc32(body) === crc()) file.sections.set(kind, body);
  });
  for (const [index, size] of sizes.entries()) {
    const body = take(file.isWebP ? size : 4 * size);
    const first = take(4);
    if (crc32(first, crc32(body)) !== crc()) throw Error("The file is damaged.");
    const top = Math.floor(index / columns) * TILE_PX, left = (index % columns) * TILE_PX;
    file.tiles.push({
      body,
      crc: new DataView(first.slice().buffer).getUint32(0, true),
      top,
      left,
      height: file.isWebP ? file.height : Math.min(TILE_PX, file.height - top),
      width: file.isWebP ? file.width : Math.min(TILE_PX, file.width - left),
    });
  }
  return file;
}
