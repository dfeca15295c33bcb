import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Writes a file that a script makes. With --check on the command line it only compares, and fails if the file is out of
 * date.
 * @param {URL} file
 * @param {string} text
 * @param {string} command that brings the file up to date
 */
export function generate(file, text, command) {
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`${fileURLToPath(file)} is out of date: ${command}`);
    process.exitCode = 1;
  }
}
