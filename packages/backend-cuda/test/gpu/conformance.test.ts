import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { cuda } from '../../src/index.js';
import { cudaMemory, loadHarness } from '../support/harness.js';

describeBackend(cuda(), { native: cudaMemory(loadHarness()) });
