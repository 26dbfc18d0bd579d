// The inner loops of decoding in a browser: WebAssembly without libraries, built by bin/build-kernels.
//
// Arrays hold whole numbers in float32, channels last: [positions, channels]; channels are multiples
// of 4. FORMAT.md proves that all sums stay below 2**24, so the results are the same as in integers.

#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

typedef v128_t Lanes;
enum { LANES = 4, ROWS = 4 };

static Lanes finish(Lanes sum, Lanes low, Lanes high) {
  return wasm_f32x4_pmax(low, wasm_f32x4_pmin(high, wasm_f32x4_floor(sum)));
}

// Rounds n numbers to eight significant bits, ties to even: the upper half of a float32.
void EXPORT(round_operands)(uint32_t *x, int n) {
  for (int i = 0; i < n; i++) {
    uint32_t odd = x[i] >> 16 & 1;
    x[i] = (x[i] + 0x7fff + odd) & 0xffff0000u;
  }
}

// target[p, o] = clamp(floor(sum over i of source[p, i] weight[i, o] + bias[o])).
void EXPORT(pointwise)(const float *source, const float *weight, const float *bias, float *target,
                       int positions, int inputs, int outputs, float low, float high) {
  Lanes lowest = wasm_f32x4_splat(low), highest = wasm_f32x4_splat(high);
  // Blocks of 4 positions and 8 outputs keep their 8 sums in registers.
  for (int p = 0; p < positions; p += ROWS) {
    int rows = positions - p < ROWS ? positions - p : ROWS;
    const float *x[ROWS];
    for (int r = 0; r < ROWS; r++) x[r] = source + (long)(p + (r < rows ? r : 0)) * inputs;
    for (int o = 0; o < outputs; o += 2 * LANES) {
      int wide = outputs - o >= 2 * LANES;
      Lanes a[ROWS], b[ROWS];
      for (int r = 0; r < ROWS; r++) {
        a[r] = wasm_v128_load(bias + o);
        b[r] = wide ? wasm_v128_load(bias + o + LANES) : a[r];
      }
      const float *w = weight + o;
      for (int i = 0; i < inputs; i++, w += outputs) {
        Lanes wa = wasm_v128_load(w), wb = wide ? wasm_v128_load(w + LANES) : wa;
        for (int r = 0; r < ROWS; r++) {
          Lanes value = wasm_v128_load32_splat(x[r] + i);
          a[r] = wasm_f32x4_add(a[r], wasm_f32x4_mul(value, wa));
          b[r] = wasm_f32x4_add(b[r], wasm_f32x4_mul(value, wb));
        }
      }
      for (int r = 0; r < rows; r++) {
        float *out = target + (long)(p + r) * outputs + o;
        wasm_v128_store(out, finish(a[r], lowest, highest));
        if (wide) wasm_v128_store(out + LANES, finish(b[r], lowest, highest));
      }
    }
  }
}

// Each channel by itself, 3x3, zeros outside. weight[3, 3, channels].
void EXPORT(depthwise)(const float *source, const float *weight, const float *bias, float *target,
                       int rows, int columns, int channels, float low, float high) {
  Lanes lowest = wasm_f32x4_splat(low), highest = wasm_f32x4_splat(high);
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < columns; column++)
      for (int c = 0; c < channels; c += LANES) {
        Lanes sum = wasm_v128_load(bias + c);
        for (int dy = -1; dy <= 1; dy++)
          for (int dx = -1; dx <= 1; dx++) {
            int y = row + dy, x = column + dx;
            if (y < 0 || y >= rows || x < 0 || x >= columns) continue;
            Lanes w = wasm_v128_load(weight + (long)(3 * dy + dx + 4) * channels + c);
            Lanes v = wasm_v128_load(source + ((long)y * columns + x) * channels + c);
            sum = wasm_f32x4_add(sum, wasm_f32x4_mul(v, w));
          }
        wasm_v128_store(target + ((long)row * columns + column) * channels + c,
                        finish(sum, lowest, highest));
      }
}

// One row of 3x3 neighbourhoods, [columns, 9 channels], zeros outside, for `pointwise`.
void EXPORT(gather_3x3)(const float *source, float *target, int row, int rows, int columns,
                        int channels) {
  for (int column = 0; column < columns; column++)
    for (int tap = 0; tap < 9; tap++) {
      int y = row + tap / 3 - 1, x = column + tap % 3 - 1;
      int inside = y >= 0 && y < rows && x >= 0 && x < columns;
      for (int c = 0; c < channels; c++)
        *target++ = inside ? source[((long)y * columns + x) * channels + c] : 0;
    }
}

// x = clamp(x + y).
void EXPORT(add)(float *x, const float *y, int n, float low, float high) {
  Lanes lowest = wasm_f32x4_splat(low), highest = wasm_f32x4_splat(high);
  for (int i = 0; i < n; i += LANES)
    wasm_v128_store(x + i, finish(wasm_f32x4_add(wasm_v128_load(x + i), wasm_v128_load(y + i)),
                                  lowest, highest));
}

// x[p, c] = clamp(floor((x gain[c] + 512) / 1024) + shift[c]).
void EXPORT(scale)(float *x, const float *gain, const float *shift, int positions, int channels,
                   float low, float high) {
  for (int p = 0; p < positions; p++, x += channels)
    for (int c = 0; c < channels; c++) {
      float v = __builtin_floorf((x[c] * gain[c] + 512) * (1.0f / 1024)) + shift[c];
      x[c] = v < low ? low : v > high ? high : v;
    }
}

// x = clamp(floor((x + 2) / 4)).
void EXPORT(requantise)(float *x, int n, float low, float high) {
  for (int i = 0; i < n; i++) {
    float v = __builtin_floorf((x[i] + 2) * 0.25f);
    x[i] = v < low ? low : v > high ? high : v;
  }
}

// [rows, columns, channels of factor**2] to [rows factor, columns factor, channels].
void EXPORT(unfold)(const float *source, float *target, int rows, int columns, int channels,
                    int factor) {
  int area = factor * factor;
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < columns; column++, source += channels * area)
      for (int dy = 0; dy < factor; dy++)
        for (int dx = 0; dx < factor; dx++) {
          long place = ((long)(row * factor + dy) * columns + column) * factor + dx;
          for (int c = 0; c < channels; c++)
            target[place * channels + c] = source[c * area + dy * factor + dx];
        }
}

// The opposite, factor 2: rows and columns are the target's.
void EXPORT(fold_2x2)(const float *source, float *target, int rows, int columns, int channels) {
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < columns; column++)
      for (int c = 0; c < channels; c++)
        for (int part = 0; part < 4; part++) {
          long place = ((long)(2 * row + part / 2) * 2 * columns) + 2 * column + part % 2;
          *target++ = source[place * channels + c];
        }
}

// The entropy coder of FORMAT.md, section 2.

static uint64_t state;
static uint32_t *words;
static int word_count, word_room, is_broken;

// words: `count` of them, with room for `room`. Returns 0 if the last is zero.
int EXPORT(ans_open)(uint32_t *payload, int count, int room) {
  words = payload;
  word_count = count;
  word_room = room;
  is_broken = count > 0 && payload[count - 1] == 0;
  state = 0;
  for (int i = 0; i < 2 && word_count; i++) state = state << 32 | words[--word_count];
  return !is_broken;
}

// Whether nothing is left, as must be at the end.
int EXPORT(ans_is_empty)(void) { return !is_broken && state == 0 && word_count == 0; }

static void pop_range(uint32_t first, uint32_t frequency) {
  state = (state >> 24) * frequency + (state & 0xffffff) - first;
  if (state >> 32 == 0 && word_count) state = state << 32 | words[--word_count];
}

// sums: cumulative frequencies, [entries + 1].
static int pop_entry(const uint32_t *sums, int entries) {
  uint32_t rest = state & 0xffffff;
  int low = 0, high = entries;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (sums[middle] <= rest) low = middle; else high = middle;
  }
  pop_range(sums[low], sums[low + 1] - sums[low]);
  return low;
}

static void push_entry(const uint32_t *sums, int entry) {
  uint64_t frequency = sums[entry + 1] - sums[entry];
  if (state >= frequency << 40) {
    if (word_count == word_room) { is_broken = 1; return; }
    words[word_count++] = (uint32_t)state;
    state >>= 32;
  }
  state = (state / frequency << 24) + sums[entry] + state % frequency;
}

// Places of each table's symbols, in array order: order[first[t] .. first[t + 1]].
static void sort_places(const int32_t *tables, int n, int table_count, int32_t *first,
                        int32_t *order) {
  for (int t = 0; t <= table_count; t++) first[t] = 0;
  for (int i = 0; i < n; i++) first[tables[i] + 1]++;
  for (int t = 0; t < table_count; t++) first[t + 1] += first[t];
  for (int i = 0; i < n; i++) order[first[tables[i]]++] = i;
  for (int t = table_count; t > 0; t--) first[t] = first[t - 1];
  first[0] = 0;
}

// A family's tables: cumulative frequencies in a row, one more a table than entries.
// starts[t]: of table t's first sum. lows[t]: the symbol of its first entry.
void EXPORT(ans_pop)(int32_t *symbols, const int32_t *tables, int n, const uint32_t *sums,
                     const int32_t *starts, const int32_t *lows, int table_count, int has_escape,
                     int32_t *first, int32_t *order) {
  sort_places(tables, n, table_count, first, order);
  int escapes = 0;
  for (int t = 0; t < table_count; t++) {
    int entries = starts[t + 1] - starts[t] - 1;
    for (int k = first[t]; k < first[t + 1]; k++) {
      int place = order[k], entry = pop_entry(sums + starts[t], entries);
      symbols[place] = lows[t] + entry;
      if (has_escape && entry == entries - 1) order[escapes++] = place;
    }
  }
  for (int k = 0; k < escapes; k++) {
    int32_t value = (state & 0xffffff) >> 8;
    pop_range((uint32_t)value << 8, 256);
    symbols[order[k]] = value - 32768;
  }
}

// Returns 0 if a symbol is outside its table or there is no room.
int EXPORT(ans_push)(const int32_t *symbols, const int32_t *tables, int n, const uint32_t *sums,
                     const int32_t *starts, const int32_t *lows, int table_count, int32_t *first,
                     int32_t *order) {
  sort_places(tables, n, table_count, first, order);
  for (int t = table_count - 1; t >= 0; t--)
    for (int k = first[t + 1] - 1; k >= first[t]; k--) {
      int entry = symbols[order[k]] - lows[t];
      if (entry < 0 || entry >= starts[t + 1] - starts[t] - 1) return 0;
      push_entry(sums + starts[t], entry);
    }
  return !is_broken;
}
