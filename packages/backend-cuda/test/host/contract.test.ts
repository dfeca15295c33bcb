import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DTYPES } from '@moe-dispatch/core';
import { TENSORS } from '@moe-dispatch/core/backend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLAGS } from '../../../backend-cuda-linux-x64/scripts/flags.mjs';
import { header } from '../../scripts/header.mjs';
import { CONTRACT, FIELDS } from '../../src/argument-block.js';

const NATIVE = fileURLToPath(new URL('../../native/', import.meta.url));
const TABLE = { FIELDS, CONTRACT, TENSORS, DTYPES };

it('native/contract/table.h is what core says', () => {
  const text = readFileSync(join(NATIVE, 'contract/table.h'), 'utf8');
  expect(text, 'run scripts/contract.mjs').toBe(header(TABLE));
});

describe('the addon does not compile with a member that it does not handle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moe-contract-'));
  beforeAll(() => {
    for (const part of ['contract', 'driver', 'kernels', 'launch']) {
      cpSync(join(NATIVE, part), join(folder, part), { recursive: true });
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What the compiler says of each file of launch/ that it refuses if these enums of the table have one more member. */
  function refusals(members: Record<string, string>): Record<string, string> {
    const fields = FIELDS.map((field) => {
      const member = members[field.name];
      return member === undefined ? field : { ...field, values: [...field.values!, member] };
    });
    writeFileSync(join(folder, 'contract/table.h'), header({ ...TABLE, FIELDS: fields }));
    const files = readdirSync(join(folder, 'launch')).filter((name) => name.endsWith('.cc'));
    const compile = (name: string) =>
      spawnSync(process.env.CXX || 'c++', [...FLAGS, '-fsyntax-only', join(folder, 'launch', name)], {
        encoding: 'utf8',
      });
    const outputs = files.map((name) => [name, compile(name)] as const);
    return Object.fromEntries(
      outputs.filter(([, { status }]) => status !== 0).map(([name, { stderr }]) => [name, stderr]),
    );
  }

  /** The members that a switch does not handle, sorted. */
  const unhandled = (text: string) =>
    [...text.matchAll(/enumeration value .k(\w+). not handled in switch/g)].map(([, name]) => name).sort();

  it('of a router', () => {
    const found = refusals({
      scoringFunc: 'relu',
      selection: 'random',
      gatingDtype: 'int8',
      groupScoreFunc: 'mean',
      zeroExpertKind: 'constant',
      dropPolicy: 'late',
    });
    expect(Object.keys(found)).toEqual(['route.cc']);
    const names = ['Constant', 'Int8', 'Late', 'Mean', 'Random', 'Relu', 'Relu'];
    expect(unhandled(found['route.cc']!)).toEqual(names);
  });

  it('of Operation', () => {
    const found = refusals({ operation: 'sortRows' });
    expect(Object.keys(found)).toEqual(['operations.cc']);
    expect(unhandled(found['operations.cc']!)).toEqual(['SortRows', 'SortRows', 'SortRows']);
  });
});
