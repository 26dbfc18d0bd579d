"use strict";
// WebAssembly's memory, and a model file's tensors.

const PAGE_BYTES = 65536;

/** WebAssembly's memory as a stack of float32 and int32 arrays: 4 bytes an entry. */
class Memory {
  constructor(exports) {
    this.exports = exports;
    this.top = (exports.__heap_base.value + 15) & ~15;
  }

  /** The address of so many entries. */
  allocate(entries) {
    const address = this.top;
    this.top = (this.top + 4 * entries + 15) & ~15;
    const missing = this.top - this.exports.memory.buffer.byteLength;
    if (missing > 0) this.exports.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return address;
  }

  /** Runs `work` and then frees what it allocated. */
  within(work) {
    const top = this.top;
    try {
      return work();
    } finally {
      this.top = top;
    }
  }

  floats(address, entries) {
    return new Float32Array(this.exports.memory.buffer, address, entries);
  }

  ints(address, entries) {
    return new Int32Array(this.exports.memory.buffer, address, entries);
  }

  /** The address of a copy of numbers. */
  store(Type, numbers) {
    const address = this.allocate(numbers.length);
    new Type(this.exports.memory.buffer, address, numbers.length).set(numbers);
    return address;
  }
}

/** The tensors of a model file, and its sizes: FORMAT.md, section 6. */
function readModel(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const types = { I8: Int8Array, I16: Int16Array, I32: Int32Array };
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [from, to] = data_offsets;
    tensors.set(name, { shape, numbers: new types[dtype](bytes.slice(start + from, start + to).buffer) });
  }
  return { sizes: JSON.parse(header.__metadata__.architecture), tensors };
}
