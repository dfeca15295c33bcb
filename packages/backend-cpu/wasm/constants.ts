/*
 * Constants of ./floats.ts, in memory: V8 makes a constant vector anew where registers are scarce, which takes longer than
 * to load one. A float16 is meant by 16.
 */
const PLACE: usize = 512;
export const DIGITS16: usize = PLACE + 0;
export const UNIT16: usize = PLACE + 4;
export const LARGE16: usize = PLACE + 8;
export const MAGNITUDE: usize = PLACE + 12;
export const INFINITE: usize = PLACE + 16;
export const ONE32: usize = PLACE + 20;
export const REBIASED16: usize = PLACE + 24;
export const HALF: usize = PLACE + 28;
export const LEAST16: usize = PLACE + 32;
export const MOST16: usize = PLACE + 36;
export const INFINITE16: usize = PLACE + 40;
export const QUIET16: usize = PLACE + 44;
export const SIGN16: usize = PLACE + 48;
export const QUIET: usize = PLACE + 52;
export const BELOW_HALF16: usize = PLACE + 56;
/** Once for each memory. */
export function storeConstants(): void {
  store<u32>(DIGITS16, 0x8fffe000);
  store<u32>(UNIT16, 0x77800000);
  store<u32>(LARGE16, 0x47800000);
  store<u32>(MAGNITUDE, 0x7fffffff);
  store<u32>(INFINITE, 0x7f800000);
  store<u32>(ONE32, 1);
  store<u32>(REBIASED16, 0xc8000fff);
  store<u32>(HALF, 0x3f000000);
  store<u32>(LEAST16, 0x38800000);
  store<u32>(MOST16, 0x477fefff);
  store<u32>(INFINITE16, 0x7c00);
  store<u32>(QUIET16, 0x200);
  store<u32>(SIGN16, 0x8000);
  store<u32>(QUIET, 0x7fc00000);
  store<u32>(BELOW_HALF16, 0x7fff);
}

// @ts-ignore: a decorator
@inline
export function lanes(constant: usize): v128 {
  return v128.load32_splat(constant);
}
