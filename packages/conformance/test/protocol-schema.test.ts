import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { oracleBackend } from '../src/export/oracle-backend.js';
import type { Request } from '../src/protocol/messages.js';
import { readHello, readReply } from '../src/protocol/read-messages.js';
import { runConformance } from '../src/run.js';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const schema = JSON.parse(read('../protocol.schema.json'));
const ajv = new Ajv2020({ strict: true, strictRequired: false });
ajv.addSchema(schema);
const isA = (kind: string, value: unknown) => ajv.validate({ $ref: `${schema.$id}#/$defs/${kind}` }, value);

/** The JSON of docs/protocol.md. */
const EXAMPLES = Array.from(read('../../../docs/protocol.md').matchAll(/```json\n(.*?)```/gs), ([, text]) =>
  JSON.parse(text),
);
const [hello, request, reply, refusal] = EXAMPLES;

describe('protocol.schema.json', () => {
  it('describes the examples of docs/protocol.md, as the suite reads them', () => {
    expect(EXAMPLES).toHaveLength(4);
    expect(isA('hello', hello)).toBe(true);
    expect(isA('request', request)).toBe(true);
    expect(isA('reply', reply)).toBe(true);
    expect(isA('reply', refusal)).toBe(true);
    expect(readHello(hello)).toBe(hello);
    const asked = { ...request, outputs: reply.outputs } as Request;
    expect(readReply(reply, asked)).toEqual(reply);
    expect(readReply(refusal, asked)).toBe(refusal);
  });

  it.each([
    ['protocol', 'mcp'],
    ['version', 2],
    ['name', 7],
    ['device', undefined],
    ['operations', ['route']],
    ['dtypes', ['float64']],
    ['limits', { maxTopK: 0.5 }],
    ['exact', 'yes'],
    ['level', 'none'],
  ])('and the suite refuse a hello whose %s is %j', (field, value) => {
    const wrong = { ...hello, [field]: value };
    expect(isA('hello', wrong)).toBe(false);
    expect(() => readHello(wrong)).toThrow(field);
  });

  it.each([
    [{ ...reply, id: 0 }, 'id'],
    [{ id: 7 }, 'outputs'],
    [{ id: 7, outputs: [7] }, 'outputs'],
    [{ id: 7, error: { code: 'no', message: '' } }, 'error.code'],
    [{ id: 7, error: { code: 'NO' } }, 'error.message'],
  ])('and the suite refuse the reply %j', (wrong, field) => {
    expect(isA('reply', wrong)).toBe(false);
    expect(() => readReply(wrong, { ...request, outputs: reply.outputs } as Request)).toThrow(field);
  });

  it('describes what the suite asks for', async () => {
    let asked = 0;
    const backend = oracleBackend(({ header }) => {
      asked += 1;
      const line = JSON.parse(JSON.stringify({ id: asked, ...header }));
      if (!isA('request', line)) throw new Error(ajv.errorsText());
    });
    const { totals } = await runConformance(backend, { filter: 'generated/routers/' });
    expect(totals).toMatchObject({ passed: 48, failed: 0 });
    expect(asked).toBeGreaterThan(400);
    backend.dispose();
  });
});
