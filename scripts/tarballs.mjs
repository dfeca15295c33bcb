// Writes the packages to tarballs/, as npm would get them, for projects outside the workspace.
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pack, publicPackages } from './pack.mjs';

const folder = fileURLToPath(new URL('../tarballs', import.meta.url));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
console.log('npm install takes these files in place of the names of the packages:');
for (const { folder: source } of publicPackages()) console.log(`  ${pack(source, folder)}`);
