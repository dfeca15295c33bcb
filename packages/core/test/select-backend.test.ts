import { describe, expect, it } from 'vitest';
import { BackendUnavailableError, isMoeDispatchError, selectBackend } from '../src/index.js';
import { StubBackend } from './stub-backend.js';

const works = { name: 'works', create: () => new StubBackend() };
const missing = {
  name: 'missing',
  create: () => {
    throw new BackendUnavailableError('BACKEND_UNAVAILABLE', {
      argument: 'device',
      found: 'no driver',
      expected: 'a driver',
    });
  },
};
const rejects = { name: 'rejects', create: () => Promise.reject(new Error('lost on the way')) };
const wrong = { name: 'wrong', create: () => ({}) };
const neverAsked = {
  name: 'never asked',
  create: (): StubBackend => expect.fail('a factory after a working one was asked'),
};

describe('selectBackend', () => {
  it('takes the first that works, and says what it passed over', async () => {
    const backend = await selectBackend([missing, rejects, wrong, works, neverAsked]);
    expect(backend).toBeInstanceOf(StubBackend);
    expect((backend as StubBackend).skipped.map(({ name, reason }) => [name, reason])).toEqual([
      ['missing', 'device: expected a driver, found no driver'],
      ['rejects', 'lost on the way'],
      ['wrong', 'the factory returned an object, not a backend'],
    ]);
  });

  it('skips nothing when the first works', async () => {
    expect((await selectBackend([works])).skipped).toEqual([]);
  });

  it('lists every cause when none works', async () => {
    const error = await selectBackend([missing, rejects]).catch((caught: unknown) => caught);
    expect(isMoeDispatchError(error)).toBe(true);
    expect(error).toMatchObject({ code: 'NO_BACKEND', name: 'BackendUnavailableError' });
    expect((error as Error).message).toContain('missing (device: expected a driver, found no driver)');
    expect((error as Error).message).toContain('rejects (lost on the way)');
    expect((error as BackendUnavailableError).causes).toHaveLength(2);
  });

  it.each([
    ['factories', undefined],
    ['factories', []],
    ['factories[0]', [null]],
    ['factories[1]', [works, { name: 'no create' }]],
  ])('refuses %s: %j', async (argument, factories) => {
    await expect(selectBackend(factories as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      argument,
    });
  });
});
