/*
 * Softmax and top-k over rows of gating values, four experts at a time: AssemblyScript, compiled to WebAssembly
 * SIMD by scripts/build-wasm.mjs and embedded in src/route-kernel.ts. The JavaScript in src/route.ts says the same.
 */

const LARGEST: f32 = f32.MAX_VALUE;

/** Experts are searched in blocks of 16: the largest value of each block is kept, so that a pick reads one block. */
const BLOCK_BYTES: usize = 64;

/**
 * Routes `tokens` rows of `numExperts` values. All addresses are multiples of 16.
 * @param gating the rows, with a block to spare after the last.
 * @param experts takes `tokens` × `topK` int32.
 * @param scales takes as many float32.
 * @param values scratch: one row in whole blocks, `topK` values in whole blocks, and a float32 for each block of the
 *   row, rounded up to 4.
 */
export function route(
  gating: usize,
  experts: usize,
  scales: usize,
  values: usize,
  tokens: i32,
  numExperts: i32,
  topK: i32,
  softmax: bool,
): void {
  const blocks: i32 = (numExperts + 15) >> 4;
  const tops = values + (<usize>blocks) * BLOCK_BYTES;
  const blockMaxima = tops + (<usize>((topK + 15) >> 4)) * BLOCK_BYTES;
  for (let token = 0; token < tokens; token++) {
    loadRow(gating, numExperts, blocks, values, blockMaxima);
    for (let place = blockMaxima - BLOCK_BYTES; place < blockMaxima; place += 16) v128.store(place, nothing());
    const end = (<usize>topK) << 2;
    for (let at: usize = 0; at < end; at += 4) {
      store<i32>(experts + at, takeBest(blocks, values, blockMaxima, tops + at));
    }
    const sum: f64 = softmax ? sumExp(values, blockMaxima, load<f32>(tops)) : 1;
    for (let at: usize = 0; at < end; at += 4) {
      store<f32>(scales + at, <f32>(<f64>load<f32>(tops + at) / sum));
    }
    gating += (<usize>numExperts) << 2;
    experts += end;
    scales += end;
  }
}

/** Writes the cleaned row and the block maxima, −∞ after their ends. */
function loadRow(row: usize, numExperts: i32, blocks: i32, values: usize, blockMaxima: usize): void {
  const end = i32x4.splat(numExperts);
  const lowest = f32x4.splat(-LARGEST);
  const highest = f32x4.splat(LARGEST);
  let lanes = i32x4(0, 1, 2, 3);
  let maxima = nothing();
  for (let block = 0; block < blocks; block++) {
    let max = nothing();
    for (let i: usize = 0; i < BLOCK_BYTES; i += 16) {
      let value = v128.load(row + i);
      // pmax(a, b) is a unless a < b: NaN and −∞ become the lowest number.
      value = f32x4.pmin(highest, f32x4.pmax(lowest, value));
      value = v128.bitselect(value, nothing(), i32x4.lt_s(lanes, end));
      lanes = i32x4.add(lanes, i32x4.splat(4));
      v128.store(values + i, value);
      max = f32x4.pmax(max, value);
    }
    maxima = replaceLane(maxima, block & 3, largest(max));
    if ((block & 3) == 3 || block == blocks - 1) {
      v128.store(blockMaxima + ((<usize>(block & ~3)) << 2), maxima);
      maxima = nothing();
    }
    row += BLOCK_BYTES;
    values += BLOCK_BYTES;
  }
}

/**
 * Takes the largest value, the first of equal ones, out of `values`, stores it to `top` and returns its expert.
 * Whole vectors are stored throughout: a vector read soon after a store to one of its lanes has to wait for it.
 */
function takeBest(blocks: i32, values: usize, blockMaxima: usize, top: usize): i32 {
  let max = v128.load(blockMaxima);
  for (let block = 4; block < blocks; block += 4) {
    max = f32x4.pmax(max, v128.load(blockMaxima + ((<usize>block) << 2)));
  }
  const best = largest(max);
  let maximaPlace = blockMaxima - 16;
  let mask: i32;
  do {
    maximaPlace += 16;
    mask = i32x4.bitmask(f32x4.eq(v128.load(maximaPlace), best));
  } while (mask == 0);
  const lane = ctz(mask);
  const block = (<i32>((maximaPlace - blockMaxima) >> 2)) + lane;
  const start = values + (<usize>block) * BLOCK_BYTES;
  const expert = (block << 4) + firstEqual(start, best);
  store<f32>(top, load<f32>(values + ((<usize>expert) << 2)));
  const place = values + ((<usize>(expert & ~3)) << 2);
  v128.store(place, replaceLane(v128.load(place), expert & 3, nothing()));
  const low = f32x4.pmax(v128.load(start), v128.load(start, 16));
  const high = f32x4.pmax(v128.load(start, 32), v128.load(start, 48));
  v128.store(maximaPlace, replaceLane(v128.load(maximaPlace), lane, largest(f32x4.pmax(low, high))));
  return expert;
}

/** Where in a block of 16 the first value equal to all of `best` stands. */
function firstEqual(start: usize, best: v128): i32 {
  const low = i16x8.narrow_i32x4_s(f32x4.eq(v128.load(start), best), f32x4.eq(v128.load(start, 16), best));
  const high = i16x8.narrow_i32x4_s(f32x4.eq(v128.load(start, 32), best), f32x4.eq(v128.load(start, 48), best));
  return ctz(i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)));
}

function nothing(): v128 {
  return f32x4.splat(-f32.POSITIVE_INFINITY);
}

function replaceLane(value: v128, lane: i32, replacement: v128): v128 {
  return v128.bitselect(replacement, value, i32x4.eq(i32x4(0, 1, 2, 3), i32x4.splat(lane)));
}

/** The largest lane, in every lane. */
function largest(value: v128): v128 {
  const pairs = f32x4.pmax(value, i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.pmax(pairs, i8x16.shuffle(pairs, pairs, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
}

/** Turns each value from `start` to `end` into exp(value − max); returns their sum. */
function sumExp(start: usize, end: usize, max: f32): f64 {
  const shift = f32x4.splat(max);
  let even = f64x2.splat(0);
  let odd = f64x2.splat(0);
  for (let block = start; block < end; block += BLOCK_BYTES) {
    let terms = f32x4.splat(0);
    for (let i: usize = 0; i < BLOCK_BYTES; i += 16) {
      const term = exp(f32x4.sub(v128.load(block + i), shift));
      v128.store(block + i, term);
      terms = f32x4.add(terms, term);
    }
    even = f64x2.add(even, f64x2.promote_low_f32x4(terms));
    odd = f64x2.add(odd, f64x2.promote_low_f32x4(i8x16.shuffle(terms, terms, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)));
  }
  const both = f64x2.add(even, odd);
  return f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
}

/**
 * exp(x) for x ≤ 0 to 2e-7, 0 below −87.7: with x = n·ln2 + r and |r| ≤ ln2/2, 2^n times the Taylor series of exp(r).
 */
function exp(x: v128): v128 {
  x = f32x4.pmax(f32x4.splat(-88), x);
  // Adding 1.5·2^23 rounds to an integer and leaves it in the lowest bits.
  const magic = f32x4.splat(12582912);
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(1.4426950408889634)), magic);
  const n = f32x4.sub(shifted, magic);
  // ln2 in two parts, so that n times the first is exact.
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440054690583e-4)));
  let sum = f32x4.splat(1.0 / 720.0);
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.0 / 120.0));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.0 / 24.0));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.0 / 6.0));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(0.5));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23);
  return f32x4.mul(sum, power);
}
