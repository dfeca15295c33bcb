/* Copies rows. src/move-rows.ts says the same. */
import { field } from './job';

/** Beyond it, the engine's own copy is quicker than a loop. */
const SHORT_ROW: usize = 512;

/** Copies the rows of some tokens to their places. */
export function scatter(first: i32, last: i32): void {
  const rowBytes: usize = field(9);
  const tokens: usize = field(2);
  const map: usize = field(8);
  const out: usize = field(7);
  const end = map + 4 * tokens * field(10);
  let from: usize = field(6) + <usize>first * rowBytes;
  for (let token = first; token < last; token++) {
    for (let place = map + 4 * <usize>token; place < end; place += 4 * tokens) {
      const row = load<i32>(place);
      if (row >= 0) copy(out + <usize>row * rowBytes, from, rowBytes);
    }
    from += rowBytes;
  }
}

/** Writes some rows, in their order. */
export function gather(first: i32, last: i32): void {
  const rowBytes: usize = field(9);
  const x: usize = field(6);
  const tokenOfRow: usize = field(8);
  let to: usize = field(7) + <usize>first * rowBytes;
  for (let row = first; row < last; row++) {
    copy(to, x + <usize>load<u32>(tokenOfRow + 4 * <usize>row) * rowBytes, rowBytes);
    to += rowBytes;
  }
}

function copy(to: usize, from: usize, bytes: usize): void {
  if (bytes > SHORT_ROW) {
    memory.copy(to, from, bytes);
    return;
  }
  const end = to + bytes;
  for (; to + 16 <= end; to += 16) {
    v128.store(to, v128.load(from));
    from += 16;
  }
  for (; to < end; to++) store<u8>(to, load<u8>(from++));
}
