import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { describe, vi } from 'vitest';
import * as kit from '../src/conformance.js';
import { cpu } from '../src/index.js';

// Calls of any size are shared here, where there is something to share.
vi.mock(import('../src/sharing.js'), () => ({ LEAST_SHARED: 1, CHUNKS_PER_THREAD: 8 }) as never);

describe('three threads', () => {
  describeBackend(cpu({ threads: 3 }), kit);
});
