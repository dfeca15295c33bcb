import { describeBackend } from '@moe-dispatch/conformance/vitest';
import * as kit from '../../src/conformance.js';
import { cuda } from '../../src/index.js';

describeBackend(cuda(), { ...kit, timeout: 600_000 });
