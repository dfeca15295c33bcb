import { readFileSync } from 'node:fs';
import { SafetensorsError } from '@moe-dispatch/safetensors';
import { expect, it } from 'vitest';
import { FixtureError, parseGolden } from '../src/golden-fixture.js';
import { mutatedFile, withGeneratedX } from './fixture-mutations.js';

/*
 * Mutated fixtures: each is read, or refused with an error that names the file and a byte of it. Nothing else is thrown,
 * and a small file never takes much memory. Another part of the files every day; all of the same with
 *   MOE_FUZZ_SEED=<n> MOE_FUZZ_FILES=<n> npx vitest run --project cpu fixture-fuzz
 */
const FILES = Number(process.env.MOE_FUZZ_FILES ?? 20_000);
const SEED = Number(process.env.MOE_FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000) * 100_000);

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../fixtures/${name}.safetensors`, import.meta.url)));
const small = fixture('softmax-e3-k2-f32');
const originals = [small, fixture('softmax-e2-k1-f16'), fixture('softmax-e1-k1-f32'), withGeneratedX(small)];

/** What is wrong with how a file was treated, in words. */
function complaint(bytes: Uint8Array): string | undefined {
  try {
    parseGolden(bytes, 'mutated.safetensors');
    return undefined;
  } catch (error) {
    if (!(error instanceof SafetensorsError || error instanceof FixtureError)) return `threw ${error}`;
    const { message, file, offset } = error;
    if (!message.startsWith(`mutated.safetensors, byte ${offset}: `))
      return `does not name the byte: ${message}`;
    if (file !== 'mutated.safetensors') return `names ${file}`;
    if (!Number.isInteger(offset) || offset < 0 || offset > bytes.length) return `names byte ${offset}`;
    return message.length > 1000 ? `says ${message.length} characters` : 'refused';
  }
}

it(`${FILES} mutated files from seed ${SEED} are read or refused`, () => {
  const before = process.memoryUsage().rss;
  const complaints: string[] = [];
  let refused = 0;
  for (let i = 0; i < FILES; i++) {
    const found = complaint(mutatedFile(originals, SEED + i));
    if (found === 'refused') refused += 1;
    else if (found !== undefined) complaints.push(`seed ${SEED + i}: ${found.slice(0, 200)}`);
  }
  console.log(`${refused} of ${FILES} refused`);
  expect(complaints.slice(0, 10)).toEqual([]);
  expect(refused).toBeGreaterThan(FILES / 2);
  expect(refused).toBeLessThan(FILES);
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
}, 600_000);
