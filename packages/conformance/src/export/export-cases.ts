import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '@moe-dispatch/core';
import { writeSafetensors } from '@moe-dispatch/safetensors';
import type { ConformanceCase } from '../cases/conformance-case.js';
import { bytesOf, type HostTensor } from '../host-tensor.js';
import { groupOf } from '../reports/matrix.js';
import { NotClaimed, Session } from '../session.js';
import { ABOUT } from './about.js';
import { oracleBackend, type RecordedCall } from './oracle-backend.js';
import { type Refused, refusedCalls } from './refusals.js';

/** Of the manifest. A reader refuses a number that it does not know. */
export const EXPORT_VERSION = 1;

/** Groups that are about tensors, memory and errors in JavaScript, whatever they compute on the way. */
const ABOUT_THE_API = /^(errors|generated\/(wrap|lifetime|memory|two-backends))\//;

type ExactOnly = 'all' | 'routing';

/** A call as a line of the manifest has it; its tensors are in the file of the line. */
interface ManifestCall {
  readonly operation: string;
  readonly router?: object;
  readonly attributes?: object;
  /** Asked only of backends whose weights and sums are exact; `routing`: or whose routing is right up to ties. */
  readonly exactOnly?: ExactOnly;
  /** An error that is as right as the outputs. */
  readonly mayRefuse?: string;
  /** The error that must come. */
  readonly error?: string;
}

/** Writes `manifest.jsonl` and a file of tensors for each case (docs/protocol.md). */
export async function exportCases(
  cases: readonly ConformanceCase[],
  folder: string,
  { seed, onCase }: { seed: number; onCase?: (done: number) => void },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const refused = refusedCalls();
  const lines: object[] = [{ kind: 'cases', version: EXPORT_VERSION, seed, cases: cases.length }];
  for (const [index, conformanceCase] of cases.entries()) {
    const { id } = conformanceCase;
    const group = groupOf(id);
    const refusal = refused.get(id);
    const found = refusal ? refusedCase(refusal) : await recordCase(conformanceCase);
    const { calls, tensors, reason } = found;
    const file = `${String(index).padStart(5, '0')}.safetensors`;
    if (tensors.size > 0) await writeFile(join(folder, file), writeSafetensors(tensors));
    lines.push({
      id,
      group,
      about: ABOUT[group] ?? 'the API in JavaScript',
      ...(reason === undefined ? {} : { reason }),
      ...(tensors.size > 0 ? { file } : {}),
      calls,
    });
    onCase?.(index + 1);
  }
  await writeFile(join(folder, 'manifest.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

interface Exported {
  readonly calls: readonly ManifestCall[];
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Why there are no calls. */
  readonly reason?: string;
}

function refusedCase({ header, inputs, error }: Refused): Exported {
  const { operation, router } = header;
  const tensors = new Map<string, HostTensor>();
  addTensors(tensors, '0.in', inputs);
  return { calls: [{ operation, router, error } as ManifestCall], tensors };
}

/** Runs a case on the oracle itself, and keeps each call that it makes, once. */
async function recordCase({ id, run }: ConformanceCase): Promise<Exported> {
  const none = { calls: [], tensors: new Map() };
  if (ABOUT_THE_API.test(id)) return { ...none, reason: 'about the API in JavaScript' };
  const calls: ManifestCall[] = [];
  const tensors = new Map<string, HostTensor>();
  const seen = new Set<string>();
  let session: RecordingSession;
  const backend = oracleBackend((call) => {
    const hash = hashOf(call);
    if (seen.has(hash)) return;
    seen.add(hash);
    addCall(tensors, `${calls.length}`, call);
    calls.push(manifestCall(call, session.exactOnly));
  });
  session = new RecordingSession(backend);
  try {
    await run(session);
  } catch (error) {
    if (!(error instanceof NotClaimed)) throw error;
    return { ...none, reason: error.message };
  } finally {
    session.dispose();
    backend.dispose();
  }
  if (session.differences.length > 0) throw new Error(`${id}: the oracle differs from itself`);
  return calls.length > 0 ? { calls, tensors } : { ...none, reason: 'about the API in JavaScript' };
}

/** Notes whether a case has said that what follows needs exact results. */
class RecordingSession extends Session {
  exactOnly: ExactOnly | undefined;

  constructor(backend: Backend) {
    super({ backend, factory: { name: 'oracle', create: () => oracleBackend(() => {}) }, native: undefined });
  }

  override requireExact(): void {
    this.exactOnly = 'all';
  }

  override requireExactRouting(): void {
    this.exactOnly ??= 'routing';
  }
}

function manifestCall({ header, mayRefuse }: RecordedCall, noted: ExactOnly | undefined): ManifestCall {
  const { operation, router, attributes } = header;
  const exactOnly = noted ?? (needsExact(header) ? 'routing' : undefined);
  return {
    operation,
    ...(router === undefined ? {} : { router }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(exactOnly === undefined ? {} : { exactOnly }),
    ...(mayRefuse === undefined ? {} : { mayRefuse }),
  };
}

/** With more than Paddle's modes say, a choice may depend on the last bit of a score. */
function needsExact({ router = {}, inputs }: RecordedCall['header']): boolean {
  const { topK: _, selection, scoringFunc = 'none', ...others } = router as Record<string, unknown>;
  const isPaddles = (selection ?? 'one_per_group') === 'one_per_group' && scoringFunc === 'none';
  const plain = [
    'x',
    'gatingOutput',
    'topKIndices',
    'permuteIndicesPerToken',
    'ffnOut',
    'expertScalesFloat',
    'ffn2Bias',
  ];
  return !isPaddles || Object.keys(others).length > 0 || inputs.some(({ name }) => !plain.includes(name));
}

function addCall(
  tensors: Map<string, HostTensor>,
  call: string,
  { inputs, outputs, bounds }: RecordedCall,
): void {
  addTensors(tensors, `${call}.in`, inputs);
  addTensors(tensors, `${call}.out`, outputs);
  for (const [name, { low, high }] of Object.entries(bounds)) {
    tensors.set(`${call}.low.${name}`, low);
    tensors.set(`${call}.high.${name}`, high);
  }
}

function addTensors(tensors: Map<string, HostTensor>, prefix: string, added: object): void {
  for (const [name, tensor] of Object.entries(added)) tensors.set(`${prefix}.${name}`, tensor);
}

function hashOf({ header, inputs }: RecordedCall): string {
  const hash = createHash('sha256').update(JSON.stringify(header));
  for (const { data } of Object.values(inputs)) hash.update(bytesOf(data));
  return hash.digest('hex');
}
