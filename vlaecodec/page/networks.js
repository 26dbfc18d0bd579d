"use strict";
// The networks of FORMAT.md, sections 3 to 5, on arrays [rows, columns, channels] in WebAssembly.

const LATENT = [-2040, 2040], STREAM = [-8160, 8160], SIGNED = [-1020, 1020], POSITIVE = [0, 1020];
const TOP = [-40, 40], SCALE = [-1023, 1023], TOP_SCALE = [0, 240], PIXEL = [0, 4080];
const ORDER = [0, 3, 1, 2];
const STRIP_LATENTS = 32;

class Decoder {
  /** exports: of the compiled kernels. model: from `readModel`. */
  constructor(exports, { sizes, tensors }) {
    this.kernels = exports;
    this.memory = new Memory(exports);
    this.sizes = sizes;
    this.tensors = tensors;
    this.layers = new Map();
    for (const name of tensors.keys()) if (name.endsWith(".shift")) this.#loadLayer(name.slice(0, -6));
    this.tables = new Map(["latent", "posterior", "top", "flag"].map((family) => [family, this.#loadTables(family)]));
  }

  #loadLayer(name) {
    const [{ shape, numbers }, { numbers: biases }, { numbers: shifts }] = ["weight", "bias", "shift"].map((part) =>
      this.tensors.get(`${name}.${part}`));
    const [outputs, inputs, side] = shape;
    const taps = side * side;
    const weight = new Float32Array(numbers.length);
    const rounded = this.memory.within(() => {
      const address = this.memory.store(Float32Array, numbers);
      this.kernels.round_operands(address, numbers.length);
      return this.memory.floats(address, numbers.length).slice();
    });
    for (let o = 0; o < outputs; o++) {
      const unit = 2 ** -shifts[o];
      for (let i = 0; i < inputs; i++)
        for (let t = 0; t < taps; t++)
          weight[(t * inputs + i) * outputs + o] = rounded[(o * inputs + i) * taps + t] * unit;
    }
    const bias = Float32Array.from(biases, (b, o) => (b + 2 ** (shifts[o] - 1)) * 2 ** -shifts[o]);
    this.layers.set(name, {
      weight: this.memory.store(Float32Array, weight),
      bias: this.memory.store(Float32Array, bias),
      outputs,
      taps,
      isDepthwise: inputs === 1 && taps === 9,
    });
  }

  #loadTables(family) {
    const [frequencies, starts, lows] = ["frequencies", "starts", "lows"].map(
      (part) => this.tensors.get(`tables.${family}.${part}`).numbers);
    const sums = [], begins = [];
    for (let t = 0; t + 1 < starts.length; t++) {
      begins.push(sums.length);
      let sum = 0;
      sums.push(0);
      for (let k = starts[t]; k < starts[t + 1]; k++) sums.push((sum += frequencies[k]));
    }
    begins.push(sums.length);
    return {
      count: lows.length,
      sums: this.memory.store(Uint32Array, sums),
      starts: this.memory.store(Int32Array, begins),
      lows: this.memory.store(Int32Array, lows),
    };
  }

  // Grids: { at, rows, columns, channels }.

  grid(rows, columns, channels) {
    return { at: this.memory.allocate(rows * columns * channels), rows, columns, channels };
  }

  numbersOf(x) {
    return this.memory.floats(x.at, x.rows * x.columns * x.channels);
  }

  #copy(x) {
    const target = this.grid(x.rows, x.columns, x.channels);
    this.numbersOf(target).set(this.numbersOf(x));
    return target;
  }

  /** A part of the rows and columns, or zeros around them: from (top, left), any sizes. */
  #cut(x, top, left, rows, columns) {
    const target = this.grid(rows, columns, x.channels);
    const [from, to] = [this.numbersOf(x), this.numbersOf(target).fill(0)];
    const first = Math.max(0, -left), last = Math.min(columns, x.columns - left);
    for (let row = Math.max(0, -top); row < Math.min(rows, x.rows - top); row++) {
      const begin = ((row + top) * x.columns + first + left) * x.channels;
      to.set(from.subarray(begin, begin + (last - first) * x.channels), (row * columns + first) * x.channels);
    }
    return target;
  }

  convolve(x, name, [low, high]) {
    // Row by row: browsers compile a function well only after it has been called a few times.
    const layer = this.layers.get(name);
    const target = this.grid(x.rows, x.columns, layer.outputs);
    this.memory.within(() => {
      const source = this.#copy(x);
      this.kernels.round_operands(source.at, x.rows * x.columns * x.channels);
      const { weight, bias, outputs, taps, isDepthwise } = layer;
      if (isDepthwise) {
        this.kernels.depthwise(source.at, weight, bias, target.at, x.rows, x.columns, outputs, low, high);
      } else if (taps === 1) {
        for (let row = 0; row < x.rows; row++) {
          const [from, to] = [x.channels, outputs].map((channels) => 4 * row * x.columns * channels);
          this.kernels.pointwise(
            source.at + from, weight, bias, target.at + to, x.columns, x.channels, outputs, low, high);
        }
      } else {
        const row = this.memory.allocate(x.columns * taps * x.channels);
        for (let number = 0; number < x.rows; number++) {
          this.kernels.gather_3x3(source.at, row, number, x.rows, x.columns, x.channels);
          const out = target.at + 4 * number * x.columns * outputs;
          this.kernels.pointwise(row, weight, bias, out, x.columns, taps * x.channels, outputs, low, high);
        }
      }
    });
    return target;
  }

  /** A row of a table for a quality code, interpolated. */
  tableRow(name, quality) {
    const { shape: [rows, channels], numbers } = this.tensors.get(name);
    const row = Math.min((quality >> 8) - 1, rows - 2), fraction = quality - 256 * (row + 1);
    return Int32Array.from({ length: channels }, (_, c) => {
      const [low, high] = [numbers[row * channels + c], numbers[(row + 1) * channels + c]];
      return low + (((high - low) * fraction + 128) >> 8);
    });
  }

  #bias(x, name, quality) {
    this.memory.within(() => {
      const shift = this.tableRow(`${name}.table`, quality);
      const hasGains = this.tensors.has(`${name}.gains`);
      const gain = hasGains ? this.tableRow(`${name}.gains`, quality) : shift.map(() => 1024);
      const [gains, shifts] = [gain, shift].map((row) => this.memory.store(Float32Array, row));
      this.kernels.scale(x.at, gains, shifts, x.rows * x.columns, x.channels, ...STREAM);
    });
    return x;
  }

  #requantise(x) {
    this.kernels.requantise(x.at, x.rows * x.columns * x.channels, ...SIGNED);
    return x;
  }

  #blocks(x, name, count) {
    for (let number = 0; number < count; number++) {
      this.memory.within(() => {
        let update = this.convolve(x, `${name}.${number}.depthwise`, SIGNED);
        update = this.convolve(update, `${name}.${number}.widen`, POSITIVE);
        update = this.convolve(update, `${name}.${number}.narrow`, STREAM);
        this.kernels.add(x.at, update.at, x.rows * x.columns * x.channels, ...STREAM);
      });
    }
    return x;
  }

  #down(x, name) {
    this.#requantise(x);
    const folded = this.grid(x.rows / 2, x.columns / 2, 4 * x.channels);
    this.kernels.fold_2x2(x.at, folded.at, folded.rows, folded.columns, x.channels);
    return this.convolve(folded, `${name}.mix`, STREAM);
  }

  #up(x, name) {
    return this.#unfold(this.convolve(this.#requantise(x), `${name}.mix`, STREAM), 2);
  }

  #unfold(x, factor) {
    const target = this.grid(x.rows * factor, x.columns * factor, x.channels / factor ** 2);
    this.kernels.unfold(x.at, target.at, x.rows, x.columns, target.channels, factor);
    return target;
  }

  #head(x, name, first, second) {
    this.#requantise(x);
    return [this.convolve(x, `${name}.layers.0`, first), this.convolve(x, `${name}.layers.1`, second)];
  }

  #topPosterior(y, quality) {
    let x = this.#cut(y, 0, 0, Math.ceil(y.rows / 4) * 4, Math.ceil(y.columns / 4) * 4);
    x = this.#bias(this.convolve(x, "posterior.enter", STREAM), "posterior.bias", quality);
    x = this.#down(this.#blocks(x, "posterior.trunk.0", 1), "posterior.trunk.1");
    x = this.#down(this.#blocks(x, "posterior.trunk.2", 1), "posterior.trunk.3");
    return this.#head(this.#blocks(x, "posterior.trunk.4", 1), "posterior.head", TOP, TOP_SCALE);
  }

  #anchorPrior(h, quality, rows, columns) {
    let x = this.#bias(this.convolve(h, "anchor_prior.enter", STREAM), "anchor_prior.bias", quality);
    x = this.#up(this.#blocks(x, "anchor_prior.trunk.0", 1), "anchor_prior.trunk.1");
    x = this.#up(this.#blocks(x, "anchor_prior.trunk.2", 1), "anchor_prior.trunk.3");
    x = this.#cut(this.#blocks(x, "anchor_prior.trunk.4", 1), 0, 0, rows, columns);
    return this.#head(x, "anchor_prior.head", LATENT, SCALE);
  }

  #passPrior(y, number, quality) {
    const name = `pass_priors.${number - 1}`;
    const x = this.#bias(this.convolve(y, `${name}.enter`, STREAM), `${name}.bias`, quality);
    return this.#head(this.#blocks(x, `${name}.trunk`, this.sizes.prior_blocks), `${name}.head`, LATENT, SCALE);
  }

  #pop(family, choices) {
    return this.memory.within(() => {
      const { sums, starts, lows, count } = this.tables.get(family);
      const tables = this.memory.store(Int32Array, choices);
      const [symbols, order] = [0, 1].map(() => this.memory.allocate(choices.length));
      const first = this.memory.allocate(count + 1);
      const hasEscape = family === "latent" ? 1 : 0;
      this.kernels.ans_pop(symbols, tables, choices.length, sums, starts, lows, count, hasEscape, first, order);
      return this.memory.ints(symbols, choices.length).slice();
    });
  }

  #push(family, choices, values) {
    return this.memory.within(() => {
      const { sums, starts, lows, count } = this.tables.get(family);
      const [symbols, tables] = [values, choices].map((numbers) => this.memory.store(Int32Array, numbers));
      const [first, order] = [count + 1, choices.length].map((entries) => this.memory.allocate(entries));
      return this.kernels.ans_push(symbols, tables, choices.length, sums, starts, lows, count, first, order);
    });
  }

  /** Numbers [rows, columns, channels] as an array in coding order: channel, row, column. */
  #channelsFirst(x) {
    const numbers = this.numbersOf(x), area = x.rows * x.columns;
    return Int32Array.from({ length: numbers.length }, (_, k) => numbers[(k % area) * x.channels + Math.floor(k / area)]);
  }

  /** The latents of a tile, written into `y` from (top, left): FORMAT.md, section 3. */
  decodeTile(body, quality, y, top, left, rows, columns) {
    this.memory.within(() => {
      const count = body.length / 4, room = count + 4 * rows * columns + 64;
      const payload = this.memory.allocate(room);
      new Uint8Array(this.kernels.memory.buffer, payload, body.length).set(body);
      const opened = this.kernels.ans_open(payload, count, room);
      if (!opened || !this.#fillTile(quality, y, top, left, rows, columns) || !this.kernels.ans_is_empty())
        throw Error("The file is damaged: its latents do not decode.");
    });
  }

  #fillTile(quality, y, top, left, rows, columns) {
    const channels = this.sizes.latent_channels, quarter = channels / 4, area = rows * columns;
    const steps = this.tableRow("step.table", quality), offsets = this.tableRow("step.offsets", quality);
    const tile = this.grid(rows, columns, channels);
    this.numbersOf(tile).fill(0);
    const coarse = this.#pop("flag", [0])[0];
    const h = this.grid(Math.ceil(rows / 4), Math.ceil(columns / 4), this.sizes.top_channels);
    const topArea = h.rows * h.columns;
    const topSymbols = this.#pop("top", new Int32Array(topArea * h.channels).fill(coarse));
    const topNumbers = topSymbols.map((symbol) => symbol * (coarse ? 8 : 1));
    const clamped = this.numbersOf(h);
    topNumbers.forEach((value, k) => {
      clamped[(k % topArea) * h.channels + Math.floor(k / topArea)] = Math.max(TOP[0], Math.min(TOP[1], value));
    });
    for (let number = 0; number < 4; number++) {
      const isCoded = this.memory.within(() => {
        const [mean, p] = number === 0
          ? this.#anchorPrior(h, quality, rows, columns)
          : this.#passPrior(tile, number, quality);
        const [means, scales] = [mean, p].map((x) => this.numbersOf(x));
        const tables = new Int32Array(quarter * area), bases = new Int32Array(quarter * area);
        const channelOf = (k) => {
          const place = k % area, row = Math.floor(place / columns);
          const part = (2 * (row % 2) + ((place % columns) % 2)) ^ ORDER[number];
          return part * quarter + Math.floor(k / area);
        };
        for (let k = 0; k < tables.length; k++) {
          const c = channelOf(k), at = (k % area) * channels + c;
          const scale = Math.max(0, Math.min(63, (scales[at] + offsets[c] + 8) >> 4));
          const nearest = Math.floor((means[at] * 2048 + (steps[c] >> 1)) / steps[c]);
          tables[k] = 8 * scale + (number === 0 ? nearest & 7 : 0);
          bases[k] = number === 0 ? nearest >> 3 : 0;
        }
        const symbols = this.#pop("latent", tables);
        const [predicted, values] = [mean, tile].map((x) => this.numbersOf(x)); // the memory may have grown
        for (let k = 0; k < symbols.length; k++) {
          const c = channelOf(k), at = (k % area) * channels + c;
          const start = number === 0 ? 0 : predicted[at];
          const value = start + Math.floor(((symbols[k] + bases[k]) * steps[c] + 128) / 256);
          values[at] = Math.max(LATENT[0], Math.min(LATENT[1], value));
        }
        return number !== 0 || coarse || this.#returnBits(tile, topNumbers, quality);
      });
      if (!isCoded) return false;
    }
    const [from, to] = [this.numbersOf(tile), this.numbersOf(y)];
    for (let row = 0; row < rows; row++)
      to.set(
        from.subarray(row * columns * channels, (row + 1) * columns * channels),
        ((top + row) * y.columns + left) * channels);
    return true;
  }

  /** Bits back: what the encoder took from the stack to choose h. */
  #returnBits(tile, topNumbers, quality) {
    const [centre, p] = this.#topPosterior(tile, quality).map((x) => this.#channelsFirst(x));
    return this.#push("posterior", p.map((s) => (s + 8) >> 4), topNumbers.map((value, k) => value - centre[k]));
  }

  /** The mean image of latents in strips of rows: calls take(top, rows, samples [rows, width, 3]). */
  async synthesise(y, quality, take) {
    const { decoder_sixteenth_blocks: sixteenth, decoder_eighth_blocks: eighth } = this.sizes;
    const halo = sixteenth + Math.ceil((eighth + 1) / 2);
    for (let top = 0; top < y.rows; top += STRIP_LATENTS) {
      const rows = Math.min(STRIP_LATENTS, y.rows - top);
      const above = Math.min(halo, top), below = Math.min(halo, y.rows - top - rows);
      this.memory.within(() => {
        let x = this.#cut(y, top - above, 0, above + rows + below, y.columns);
        x = this.#bias(this.convolve(x, "decoder.enter", STREAM), "decoder.sixteenth_bias", quality);
        x = this.#up(this.#blocks(x, "decoder.sixteenth", sixteenth), "decoder.up");
        x = this.#blocks(this.#bias(x, "decoder.eighth_bias", quality), "decoder.eighth", eighth);
        x = this.#unfold(this.convolve(this.#requantise(x), "decoder.leave", PIXEL), 8);
        const line = x.columns * 3;
        take(16 * top, 16 * rows, this.numbersOf(x).subarray(16 * above * line, 16 * (above + rows) * line));
      });
      await new Promise((resolve) => setTimeout(resolve)); // the page stays alive
    }
  }

  /** The mean image of a file from `readFile`: RGB bytes [height, width, 3]. */
  async decode(file) {
    const top = this.memory.top;
    try {
      const rows = Math.ceil(file.height / 16), columns = Math.ceil(file.width / 16);
      const y = this.grid(rows, columns, this.sizes.latent_channels);
      for (const tile of file.tiles) {
        const [height, width] = [tile.height, tile.width].map((px) => Math.ceil(px / 16));
        this.decodeTile(tile.body, file.quality, y, tile.top / 16, tile.left / 16, height, width);
        await new Promise((resolve) => setTimeout(resolve));
      }
      const picture = new Uint8Array(file.height * file.width * 3);
      await this.synthesise(y, file.quality, (first, count, samples) => {
        for (let row = 0; row < count && first + row < file.height; row++) {
          const from = row * columns * 16 * 3, to = (first + row) * file.width * 3;
          for (let k = 0; k < file.width * 3; k++)
            picture[to + k] = Math.min(255, (samples[from + k] + 8) >> 4);
        }
      });
      return picture;
    } finally {
      this.memory.top = top;
    }
  }
}
