// Removes dist of the package it is run in, so that a build holds nothing of sources that are gone.
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
