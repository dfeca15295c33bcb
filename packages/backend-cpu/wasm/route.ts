/* Routing over rows of gating values, four experts at a time. src/route.ts and src/choose.ts say the same. */
import { elementBytes, widen } from './floats';
import { field } from './job';
import { findScores, findTerms, NONE, ONE, SOFTMAX } from './scores';

const LARGEST: f32 = f32.MAX_VALUE;

/** Experts are searched in blocks of 16: the largest value of each block is kept, so that a pick reads one block. */
const BLOCK_BYTES: usize = 64;

/**
 * Chooses the best experts of some rows, and their scores. A row is a token's gating values, or those of one of its
 * `groups` that give a choice each.
 * @param workspace takes, each rounded up to whole blocks, four rows, four times `topK` values, `nGroup` values, and a
 *   float32 for each block of a row, and a block more.
 */
export function route(first: i32, last: i32, workspace: usize): void {
  const bias: usize = field(9);
  const numExperts = <i32>field(10);
  const topK = <i32>field(11);
  const scoringFunc = <i32>field(12);
  const nGroup = <i32>field(13);
  const topkGroup = <i32>field(14);
  const top2Sum = field(15) != 0;
  const dtype = <i32>field(16);
  const groups = <i32>field(17);
  const rowBytes = wholeBlocks(numExperts);
  const values = workspace;
  const rowScores = values + rowBytes;
  const rowTerms = rowScores + rowBytes;
  const tops = rowTerms + 2 * rowBytes;
  const topTerms = tops + wholeBlocks(topK);
  const topScores = topTerms + 2 * wholeBlocks(topK);
  const groupScores = topScores + wholeBlocks(topK);
  const blockMaxima = groupScores + wholeBlocks(nGroup);
  const blocks = <i32>(rowBytes / BLOCK_BYTES);
  const end = (<usize>topK) << 2;
  const gatingBytes = <usize>numExperts * elementBytes(dtype);
  let gating: usize = field(6) + <usize>first * gatingBytes;
  let experts: usize = field(7) + <usize>first * end;
  let scores: usize = field(8) + <usize>first * end;
  /** Whether scores of all experts are needed, not only those of the choices. */
  const scoresRow = bias != 0 || top2Sum;
  let sum = f64x2.splat(0);
  // What comes after the last block's maximum.
  v128.store(blockMaxima + ((<usize>((blocks - 1) & ~3)) << 2), nothing());
  // The last pair of choices may have a place for one more, whose quotient is not to be a special case.
  store<f64>(topTerms + 2 * end, ONE);
  for (let row = first; row < last; row++) {
    loadRow(widen(gating, numExperts, dtype, values), numExperts, blocks, values);
    findMaxima(blocks, values, blockMaxima);
    const max = largestOfBlocks(blocks, blockMaxima);
    if (scoringFunc == SOFTMAX || scoresRow) sum = findTerms(scoringFunc, values, numExperts, max, rowTerms);
    if (scoresRow) findScores(scoringFunc, values, numExperts, rowTerms, sum, rowScores);
    if (bias != 0) addBias(rowScores, bias, numExperts, values);
    if (nGroup > 1) {
      scoreGroups(bias != 0 || !top2Sum ? values : rowScores, numExperts / nGroup, nGroup, top2Sum, groupScores);
      leaveOutGroups(groupScores, nGroup, topkGroup, numExperts / nGroup, values);
    }
    if (bias != 0 || nGroup > 1) findMaxima(blocks, values, blockMaxima);
    const firstExpert = (row % groups) * numExperts;
    for (let at: usize = 0; at < end; at += 4) {
      const expert = takeBest(blocks, values, blockMaxima, tops + at);
      store<i32>(experts + at, firstExpert + expert);
      if (scoresRow) store<f32>(scores + at, load<f32>(rowScores + ((<usize>expert) << 2)));
      else if (scoringFunc == SOFTMAX) store<f64>(topTerms + 2 * at, load<f64>(rowTerms + ((<usize>expert) << 3)));
    }
    if (!scoresRow) {
      if (scoringFunc != SOFTMAX && scoringFunc != NONE) findTerms(scoringFunc, tops, topK, max, topTerms);
      // Whole pairs of scores would reach into the next token's.
      findScores(scoringFunc, tops, topK, topTerms, sum, topScores);
      for (let at: usize = 0; at < end; at += 4) store<f32>(scores + at, load<f32>(topScores + at));
    }
    gating += gatingBytes;
    experts += end;
    scores += end;
  }
}

function wholeBlocks(elements: i32): usize {
  return (<usize>((elements + 15) >> 4)) * BLOCK_BYTES;
}

/** Writes the cleaned row, and −∞ after its end. */
function loadRow(row: usize, numExperts: i32, blocks: i32, values: usize): void {
  const count = i32x4.splat(numExperts);
  const end = values + (<usize>blocks) * BLOCK_BYTES;
  let lanes = i32x4(0, 1, 2, 3);
  for (; values < end; values += 16) {
    v128.store(values, v128.bitselect(clean(v128.load(row)), nothing(), i32x4.lt_s(lanes, count)));
    lanes = i32x4.add(lanes, i32x4.splat(4));
    row += 16;
  }
}

/** NaN and −∞ become the lowest number, +∞ the highest: pmax(a, b) is a unless a < b. */
function clean(value: v128): v128 {
  return f32x4.pmin(f32x4.splat(LARGEST), f32x4.pmax(f32x4.splat(-LARGEST), value));
}

/** Makes choice values of the scores. */
function addBias(scores: usize, bias: usize, numExperts: i32, values: usize): void {
  const count = i32x4.splat(numExperts);
  const end = values + ((<usize>numExperts) << 2);
  let lanes = i32x4(0, 1, 2, 3);
  for (; values < end; values += 16) {
    const value = clean(f32x4.add(v128.load(scores), clean(v128.load(bias))));
    v128.store(values, v128.bitselect(value, nothing(), i32x4.lt_s(lanes, count)));
    lanes = i32x4.add(lanes, i32x4.splat(4));
    scores += 16;
    bias += 16;
  }
}

/** Writes each group's largest value, or the sum of its two largest. */
function scoreGroups(row: usize, size: i32, nGroup: i32, top2Sum: bool, groupScores: usize): void {
  for (let group = 0; group < nGroup; group++) {
    const end = row + ((<usize>size) << 2);
    let first = nothing();
    let second = nothing();
    for (; row < end; row += 4) {
      const value = v128.load32_splat(row);
      second = f32x4.pmax(second, f32x4.pmin(first, value));
      first = f32x4.pmax(first, value);
    }
    const score = top2Sum && size > 1 ? f32x4.add(first, second) : first;
    v128.store32_lane(groupScores + ((<usize>group) << 2), score, 0);
  }
}

/** Takes out the experts of all but the `topkGroup` best groups, the first of equal ones. */
function leaveOutGroups(groupScores: usize, nGroup: i32, topkGroup: i32, size: i32, values: usize): void {
  for (let group = 0; group < nGroup; group++) {
    const score = load<f32>(groupScores + ((<usize>group) << 2));
    let better = 0;
    for (let i = 0; i < nGroup; i++) {
      const other = load<f32>(groupScores + ((<usize>i) << 2));
      better += i32(other > score || (other == score && i < group));
    }
    const end = values + ((<usize>size) << 2);
    if (better < topkGroup) values = end;
    for (; values < end; values += 4) store<f32>(values, -f32.POSITIVE_INFINITY);
  }
}

/** Writes the largest value of each block. */
function findMaxima(blocks: i32, values: usize, blockMaxima: usize): void {
  for (let block = 0; block < blocks; block++) {
    v128.store32_lane(blockMaxima + ((<usize>block) << 2), largestOfBlock(values), 0);
    values += BLOCK_BYTES;
  }
}

/** The largest value of a block, in every lane. */
function largestOfBlock(start: usize): v128 {
  const low = f32x4.pmax(v128.load(start), v128.load(start, 16));
  const high = f32x4.pmax(v128.load(start, 32), v128.load(start, 48));
  return largest(f32x4.pmax(low, high));
}

/** The largest value of a row, in every lane. */
function largestOfBlocks(blocks: i32, blockMaxima: usize): v128 {
  let max = v128.load(blockMaxima);
  for (let block = 4; block < blocks; block += 4) {
    max = f32x4.pmax(max, v128.load(blockMaxima + ((<usize>block) << 2)));
  }
  return largest(max);
}

/**
 * Takes the largest value, the first of equal ones, out of `values`, stores it to `top` and returns its expert.
 * Whole vectors are stored throughout: a vector read soon after a store to one of its lanes has to wait for it.
 */
function takeBest(blocks: i32, values: usize, blockMaxima: usize, top: usize): i32 {
  const best = largestOfBlocks(blocks, blockMaxima);
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
  v128.store(maximaPlace, replaceLane(v128.load(maximaPlace), lane, largestOfBlock(start)));
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
