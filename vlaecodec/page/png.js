"use strict";
// PNG of exactly these samples: a canvas would lose colours where they are nearly transparent.

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const RGBA_8_BITS = [8, 6, 0, 0, 0];

function pngChunk(kind, content) {
  const chunk = new Uint8Array(12 + content.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length);
  chunk.set(new TextEncoder().encode(kind), 4);
  chunk.set(content, 8);
  view.setUint32(8 + content.length, crc32(chunk.subarray(4, 8 + content.length)));
  return chunk;
}

/** A Blob of an ImageData. */
async function encodePng({ data, width, height }) {
  const lines = new Uint8Array(height * (4 * width + 1)); // each line begins with filter 0: none
  for (let row = 0; row < height; row++)
    lines.set(data.subarray(4 * width * row, 4 * width * (row + 1)), row * (4 * width + 1) + 1);
  const stream = new Blob([lines]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const head = new Uint8Array(13);
  new DataView(head.buffer).setUint32(0, width);
  new DataView(head.buffer).setUint32(4, height);
  head.set(RGBA_8_BITS, 8);
  const chunks = [["IHDR", head], ["IDAT", packed], ["IEND", new Uint8Array()]];
  const parts = [new Uint8Array(PNG_MAGIC), ...chunks.map(([kind, content]) => pngChunk(kind, content))];
  return new Blob(parts, { type: "image/png" });
}
