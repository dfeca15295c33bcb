// After tsc: takes the comments and the indentation out of the WGSL in dist/kernels, which every user downloads.
// Lines stay where they are, so source maps and the compiler's line numbers do too.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const folder = new URL('../dist/kernels/', import.meta.url);
for (const name of readdirSync(folder).filter((file) => file.endsWith('.wgsl.js'))) {
  const file = new URL(name, folder);
  const text = readFileSync(file, 'utf8');
  // Templates of WGSL start at the end of a line and hold no nested multi-line template.
  const stripped = text.replace(/`\n[^`]*`/g, (wgsl) =>
    wgsl.replace(/^[ \t]+/gm, '').replace(/^\/\/ .*$/gm, ''),
  );
  writeFileSync(file, stripped);
}
