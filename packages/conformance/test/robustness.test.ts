import { type Backend, BackendUnavailableError, DeviceError } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { runConformance } from '../src/index.js';
import { type ReferenceContract, reference } from './reference-backend.js';
import { changeTensors, replaceOperation, sabotaged } from './sabotage.js';

/* A backend that misbehaves fails the case at hand, and the run goes on. */

const FILTER = 'generated/tokens/';
const TOTAL = 15;

/** What a backend does in its n-th dispatch, counted over all backends of the factory. */
function inDispatch(n: number, misbehave: (contract: ReferenceContract, backend: Backend) => void) {
  let dispatches = 0;
  return sabotaged((contract, _, backend) =>
    replaceOperation(contract, 'routeTokens', (call, route) => {
      dispatches += 1;
      if (dispatches === n) misbehave(contract, backend());
      else route(call);
    }),
  );
}

function statuses(cases: readonly { status: string }[]): string {
  return cases.map(({ status }) => status[0]).join('');
}

/** One of the fifteen failed: the third. */
const THIRD_FAILED = 'ppf'.padEnd(TOTAL, 'p');

describe('a run goes on after a backend that', () => {
  it('throws, also what is no error', async () => {
    const factory = inDispatch(3, () => {
      throw 'a text';
    });
    const { cases } = await runConformance(factory, { filter: FILTER });
    expect(statuses(cases)).toBe(THIRD_FAILED);
    expect(cases[2].error).toEqual({ name: 'thrown', message: 'a text' });
  });

  it('hangs, on another backend', async () => {
    let made = 0;
    let reads = 0;
    const factory = sabotaged((contract, n) => {
      made = n;
      changeTensors(contract, (tensor) => {
        const read = tensor.read.bind(tensor);
        tensor.read = () => {
          reads += 1;
          return reads === 20 ? new Promise(() => {}) : read();
        };
      });
    });
    const { cases } = await runConformance(factory, { filter: FILTER, timeout: 300 });
    expect(cases.map(({ status }) => status).filter((status) => status === 'failed')).toHaveLength(1);
    const hung = cases.find(({ status }) => status === 'failed')!;
    expect(hung.error).toEqual({ name: 'TimeLimitError', message: 'no result within 0.3 s' });
    expect(hung.ms).toBeGreaterThan(250);
    expect(cases).toHaveLength(TOTAL);
    expect(made).toBe(2);
  });

  it.each([
    ['DEVICE_LOST', (details: object) => new DeviceError('DEVICE_LOST', details as never)],
    [
      'BACKEND_UNAVAILABLE',
      (details: object) => new BackendUnavailableError('BACKEND_UNAVAILABLE', details as never),
    ],
  ])('says %s, on another backend', async (code, makeError) => {
    const details = { argument: 'backend', found: 'a lost device', expected: 'a working one' };
    let dispatches = 0;
    let backends = 0;
    const factory = sabotaged((contract, made) => {
      let lost = false;
      backends = made;
      replaceOperation(contract, 'routeTokens', (call, route) => {
        dispatches += 1;
        lost ||= dispatches === 3;
        if (lost) throw makeError(details);
        route(call);
      });
      changeTensors(contract, () => {
        if (lost) throw makeError(details);
      });
    });
    const { cases } = await runConformance(factory, { filter: FILTER });
    expect(statuses(cases)).toBe(THIRD_FAILED);
    expect(cases[2].error?.code).toBe(code);
    expect(backends).toBe(2);
  });

  it('loses its device and says so to checkUsable alone', async () => {
    const factory = inDispatch(3, (contract) => {
      contract.checkUsable = () => {
        throw new Error('gone');
      };
      throw new Error('something');
    });
    const { cases } = await runConformance(factory, { filter: FILTER });
    expect(statuses(cases)).toBe(THIRD_FAILED);
  });

  it('cannot be made again: every later case fails', async () => {
    const factory = sabotaged(({ operations }, made) => {
      if (made > 1) throw new Error('no second device');
      operations.routeTokens = () => {
        const details = { argument: 'backend', found: 'none', expected: 'a device' };
        throw new DeviceError('DEVICE_LOST', details);
      };
    });
    const { cases } = await runConformance(factory, { filter: FILTER });
    expect(statuses(cases)).toBe('f'.repeat(TOTAL));
    expect(cases[TOTAL - 1].error?.message).toBe('no second device');
  });

  it('disposes itself', async () => {
    const factory = inDispatch(3, (_, backend) => backend.dispose());
    const { cases } = await runConformance(factory, { filter: FILTER });
    expect(statuses(cases)).toBe(THIRD_FAILED);
    expect(cases[2].error?.code).toBe('BACKEND_DISPOSED');
  });
});

describe('a case fails for a backend that', () => {
  const failing = async (sabotage: (contract: ReferenceContract) => void) => {
    const report = await runConformance(sabotaged(sabotage), { filter: FILTER });
    expect(report.totals).toMatchObject({ passed: 0, failed: TOTAL });
    return report.cases[0];
  };

  it('gives disposed tensors', async () => {
    const { error } = await failing((contract) =>
      replaceOperation(contract, 'routeTokens', (call, route) => {
        route(call);
        call.topKIndices.dispose();
      }),
    );
    expect(error?.code).toBe('TENSOR_DISPOSED');
  });

  it('gives tensors of a wrong shape', async () => {
    const { differences, notJudged } = await failing((contract) => {
      const allocate = contract.allocate.bind(contract);
      contract.allocate = (spec) => {
        const { dtype, shape } = spec;
        const flat = dtype === 'int32' && shape.length === 2 ? [shape[0] * shape[1]] : shape;
        return allocate({ ...spec, shape: flat });
      };
    });
    expect(differences.map(({ tensor, found }) => `${tensor} ${found}`)).toEqual([
      'permuteIndicesPerToken int32 [2]',
      'topKIndices int32 [2]',
    ]);
    expect(notJudged?.map(({ reason }) => reason)).toEqual([
      'moeDispatch: topKIndices could not be read',
      'moeDispatch: permuteIndicesPerToken could not be read',
    ]);
  });

  it('reads too few elements', async () => {
    const { differences } = await failing((contract) =>
      changeTensors(contract, (tensor) => {
        const read = tensor.read.bind(tensor);
        tensor.read = async () => (await read()).slice(1) as never;
      }),
    );
    expect(differences.find(({ tensor }) => tensor === 'topKIndices')).toMatchObject({
      expected: '2 elements',
      found: '1 elements',
    });
  });

  it('gives no tensors at all', async () => {
    const { error } = await failing((contract) => {
      contract.allocate = () => undefined as never;
    });
    expect(error?.name).toBe('TypeError');
  });

  it('is wrong before it comes to what it does not claim', async () => {
    const dtypes = ['float32', 'uint8', 'int32', 'int64'] as const;
    const factory = sabotaged(
      (contract) =>
        replaceOperation(contract, 'permuteRows', (call, permute) => {
          permute(call);
          call.permuteInput.bytes.fill(0);
        }),
      { dtypes },
    );
    const report = await runConformance(factory, { filter: 'generated/wrap/inputs' });
    expect(report.cases.map(({ status }) => status)).toEqual(['failed']);
    const whole = await runConformance(reference({}, { dtypes }), { filter: 'generated/wrap/inputs' });
    expect(whole.cases.map(({ status }) => status)).toEqual(['not claimed']);
  });

  it('throws when tensors are disposed, with all of them let go', async () => {
    let disposed = 0;
    const { error } = await failing((contract) =>
      changeTensors(contract, (tensor) => {
        (tensor as unknown as { release(): void }).release = () => {
          disposed += 1;
          throw new Error('cannot free');
        };
      }),
    );
    expect(error?.message).toBe('cannot free');
    expect(disposed).toBeGreaterThan(TOTAL * 2);
  });
});

it('a backend that throws when it is disposed at the end takes no report along', async () => {
  const factory = sabotaged((contract) => {
    contract.shutdown = () => {
      throw new Error('cannot shut down');
    };
  });
  const report = await runConformance(factory, { filter: FILTER });
  expect(report.totals).toMatchObject({ passed: TOTAL, failed: 0 });
  const [own] = (await runConformance(factory, { filter: 'errors/disposed-backend/read' })).cases;
  expect(own).toMatchObject({ status: 'failed', differences: [{ found: 'Error: cannot shut down' }] });
});

it('no time limit is a time limit', async () => {
  const slow = sabotaged((contract) =>
    changeTensors(contract, (tensor) => {
      const read = tensor.read.bind(tensor);
      tensor.read = () => new Promise((resolve) => setTimeout(() => resolve(read()), 10));
    }),
  );
  const { totals } = await runConformance(slow, { filter: FILTER, timeout: Number.POSITIVE_INFINITY });
  expect(totals.passed).toBe(TOTAL);
});

describe('signal', () => {
  it('ends the run between cases, and the report says so', async () => {
    const stop = new AbortController();
    const onCase = (_: unknown, done: number) => {
      if (done === 4) stop.abort();
    };
    const report = await runConformance(reference(), { filter: FILTER, signal: stop.signal, onCase });
    expect(report.complete).toBe(false);
    expect(report.totals).toMatchObject({ passed: 4, failed: 0 });
  });

  it('ends a case that hangs, which is not in the report', async () => {
    const stop = new AbortController();
    const factory = sabotaged((contract) => {
      contract.operations.routeTokens = () => {
        setTimeout(() => stop.abort(), 50);
      };
      changeTensors(contract, (tensor) => {
        tensor.read = () => new Promise(() => {});
      });
    });
    const report = await runConformance(factory, { filter: FILTER, signal: stop.signal });
    expect(report).toMatchObject({ complete: false, cases: [] });
  });

  it('reaches a run that never waits', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    const report = await runConformance(reference(), { signal: stop.signal, filter: 'generated/' });
    expect(report.complete).toBe(false);
    expect(report.cases.length).toBeGreaterThan(0);
  });

  it('a run without it is complete', async () => {
    const report = await runConformance(reference(), { filter: FILTER });
    expect(report.complete).toBe(true);
  });
});
