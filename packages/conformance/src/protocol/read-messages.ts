import { DTYPES, type DType } from '@moe-dispatch/core';
import { OPERATIONS, type OperationName } from '@moe-dispatch/core/backend';
import { LEVELS } from '../levels/levels.js';
import { NoMessage } from './message-reader.js';
import {
  type Hello,
  PROTOCOL,
  PROTOCOL_VERSION,
  type Reply,
  type Request,
  type TensorHeader,
} from './messages.js';

/** The dtypes of results, without which there is no operation. */
const REQUIRED: readonly DType[] = ['float32', 'int32', 'int64'];

/** @throws NoMessage naming the field that is wrong */
export function readHello(value: unknown): Hello {
  const hello = objectOf('its first line', value) as Partial<Hello>;
  if (hello.protocol !== PROTOCOL) {
    throw new NoMessage(
      `said no hello: expected "protocol": "${PROTOCOL}" in its first line, found ${show(value)}`,
    );
  }
  expect('version', hello.version === PROTOCOL_VERSION, hello.version, `${PROTOCOL_VERSION}`);
  for (const field of ['name', 'device'] as const) {
    expect(field, typeof hello[field] === 'string', hello[field], 'a text');
  }
  checkNames('operations', hello.operations, Object.keys(OPERATIONS));
  checkNames('dtypes', hello.dtypes, Object.keys(DTYPES));
  const missing = REQUIRED.find((dtype) => !hello.dtypes!.includes(dtype));
  expect('dtypes', missing === undefined, hello.dtypes, `${REQUIRED.join(', ')} among them`);
  expect('exact', typeof (hello.exact ?? true) === 'boolean', hello.exact, 'true or false');
  const levels: readonly unknown[] = LEVELS.slice(0, -1);
  expect('level', levels.includes(hello.level ?? levels[0]), hello.level, `one of ${levels.join(', ')}`);
  for (const [name, limit] of Object.entries(objectOf('limits', hello.limits ?? {}))) {
    expect(`limits.${name}`, Number.isSafeInteger(limit) && limit > 0, limit, 'an integer of at least 1');
  }
  return hello as Hello;
}

/**
 * A reply to that request, its outputs all there and as large as they must be.
 * @throws NoMessage naming the field that is wrong
 */
export function readReply(value: unknown, request: Request): Reply {
  const reply = objectOf('a reply', value) as { id?: unknown; error?: unknown; outputs?: unknown };
  expect('id', reply.id === request.id, reply.id, `${request.id}`);
  if (reply.error !== undefined) {
    const { code, message } = objectOf('error', reply.error) as { code?: unknown; message?: unknown };
    expect(
      'error.code',
      typeof code === 'string' && /^[A-Z_]+$/.test(code),
      code,
      'a code of docs/errors.md',
    );
    expect('error.message', typeof message === 'string', message, 'a text');
    return reply as Reply;
  }
  const { outputs } = reply;
  expect('outputs', Array.isArray(outputs), outputs, 'a list');
  const found = (outputs as unknown[]).map((entry) => objectOf('outputs', entry) as unknown as TensorHeader);
  for (const expected of request.outputs) {
    const same = found.filter(({ name }) => name === expected.name);
    expect(
      'outputs',
      same.length === 1,
      found.map(({ name }) => name),
      `one ${expected.name}`,
    );
    const text = kindOf(expected);
    expect(`outputs: ${expected.name}`, kindOf(same[0]) === text, same[0], text);
  }
  expect(
    'outputs',
    found.length === request.outputs.length,
    found.map(({ name }) => name),
    `${request.outputs.length}`,
  );
  return { id: request.id, outputs: found };
}

/** The bytes that follow a reply's line. */
export function bytesBehind(reply: Reply): number {
  return 'error' in reply ? 0 : reply.outputs.reduce((sum, { bytes }) => sum + bytes, 0);
}

function kindOf({ dtype, shape, bytes }: TensorHeader): string {
  return `${dtype} ${JSON.stringify(shape)} of ${bytes} bytes`;
}

function checkNames(
  field: string,
  value: unknown,
  known: readonly string[],
): asserts value is OperationName[] {
  expect(field, Array.isArray(value), value, 'a list');
  const other = (value as unknown[]).find((name) => !known.includes(name as string));
  expect(field, other === undefined, other, `some of ${known.join(', ')}`);
}

function objectOf(field: string, value: unknown): Record<string, number> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  expect(field, isObject, value, 'an object');
  return value as Record<string, number>;
}

function expect(field: string, met: boolean, found: unknown, expected: string): void {
  if (!met)
    throw new NoMessage(`wrote a wrong message: ${field}: expected ${expected}, found ${show(found)}`);
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 200);
}
