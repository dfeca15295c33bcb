import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { toy } from './toy-backend.js';

describeBackend(toy());
