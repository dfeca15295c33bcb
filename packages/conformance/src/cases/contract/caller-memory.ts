import {
  type DType,
  type FloatDType,
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
  routeTokens,
  type Tensor,
} from '@moe-dispatch/core';
import { STAGES } from '@moe-dispatch/core/backend';
import { checkDispatch, checkExact, checkReduce } from '../../checks.js';
import { compareExact } from '../../compare.js';
import { readHost } from '../../host-tensor.js';
import { expectDispatch } from '../../oracle.js';
import type { ReduceInput } from '../../oracle-reduce.js';
import { type ConformanceCase, needing } from '../conformance-case.js';
import { drawn, FLOAT_DTYPES, MODES, Random, randomRows } from '../data.js';
import { dispatchOut, poisoned, poisonedOutputs } from '../outputs.js';

const SIZES = { tokens: 37, hidden: 5, numExperts: 12, topK: 3 };
const MODE = { moeTopk: SIZES.topK };

/** Results into the caller's tensors (`out`), and tensors of the caller's memory (`wrap`). */
export function callerMemoryCases(): ConformanceCase[] {
  const dtypes: DType[] = ['float32', 'float16', 'bfloat16', 'uint8', 'int64'];
  const dispatches = [
    ...dtypes.map(outDispatchCase),
    outModesCase(),
    wrapInputsCase(),
    wrapWholeWordsCase(),
    wrapOutputsCase(),
    wrapLargerMemoryCase(),
    wrapOffsetCase(),
  ];
  return [
    ...needing({ ...SIZES, operations: ['moeDispatch'] }, dispatches),
    ...needing({ ...SIZES, operations: STAGES }, [outStagesCase()]),
    ...needing({ ...SIZES, operations: ['moeReduce'] }, [
      ...FLOAT_DTYPES.map(outReduceCase),
      ...FLOAT_DTYPES.map(wrapReduceCase),
    ]),
    wrapBooksCase(),
  ];
}

/** Three runs into the same tensors, poisoned at first: each element is written, and by each run. */
function outDispatchCase(dtype: DType): ConformanceCase {
  const id = `generated/out/moeDispatch,dtype=${dtype}`;
  return {
    id,
    run: async (session) => {
      session.require(dtype);
      const random = new Random(id);
      const out = dispatchOut(session, { ...SIZES, dtype });
      for (let run = 0; run < 3; run++) {
        const { x, gatingOutput } = randomInput(random, dtype);
        const options = { ...MODE, out } as Parameters<typeof moeDispatch>[2];
        const found = moeDispatch(session.upload(x), session.upload(gatingOutput), options);
        for (const tensor of Object.keys(out) as (keyof typeof out)[]) {
          session.expectValue(
            { case: `run ${run}: is it out.${tensor}`, tensor },
            found[tensor] === out[tensor],
            true,
          );
        }
        await checkDispatch(session, `run ${run}`, found, { x, gatingOutput, ...MODE });
      }
    },
  };
}

function outModesCase(): ConformanceCase {
  const id = 'generated/out/moeDispatch,every-mode';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const out = dispatchOut(session, { ...SIZES, dtype: 'float32' });
      for (const { name, mode } of MODES) {
        const { x, gatingOutput } = randomInput(random, 'float32');
        const found = moeDispatch(session.upload(x), session.upload(gatingOutput), { ...MODE, ...mode, out });
        await checkDispatch(session, name, found, { x, gatingOutput, ...MODE, ...mode });
      }
    },
  };
}

function outStagesCase(): ConformanceCase {
  const id = 'generated/out/stages';
  return {
    id,
    run: async (session) => {
      const { x, gatingOutput } = randomInput(new Random(id), 'float16');
      session.require('float16');
      const out = dispatchOut(session, { ...SIZES, dtype: 'float16' });
      const routing = routeTokens(session.upload(gatingOutput), { ...MODE, out });
      const found = planDispatch<Tensor>(routing.topKIndices, SIZES.numExperts, { out });
      const permuteInput = permuteRows<Tensor>(session.upload(x), found, { out });
      const results = { ...routing, ...found, permuteInput };
      await checkDispatch(session, 'the stages in a row', results, { x, gatingOutput, ...MODE });
    },
  };
}

function outReduceCase(dtype: FloatDType): ConformanceCase {
  const id = `generated/out/moeReduce,dtype=${dtype}`;
  return {
    id,
    run: async (session) => {
      session.require(dtype);
      const random = new Random(id);
      const out = session.upload(poisoned(dtype, [SIZES.tokens, SIZES.hidden]));
      for (let run = 0; run < 2; run++) {
        const input = randomReduce(random, dtype);
        const [ffn, scales, rows, experts] = reduceTensors(input).map((host) => session.upload(host));
        const found = moeReduce(ffn, scales, rows, experts, { out });
        session.expectValue({ case: `run ${run}: is it out`, tensor: 'output' }, found === out, true);
        await checkReduce(session, `run ${run}`, found, input);
      }
    },
  };
}

function wrapInputsCase(): ConformanceCase {
  const id = 'generated/wrap/inputs';
  return {
    id,
    run: async (session) => {
      for (const dtype of ['float32', 'bfloat16', 'uint8'] as const) {
        const { x, gatingOutput } = randomInput(new Random(`${id} ${dtype}`), dtype);
        const wrappedX = await session.wrap(x);
        const wrappedGating = await session.wrap(gatingOutput);
        const found = session.keep(moeDispatch(wrappedX.tensor, wrappedGating.tensor, MODE));
        await checkDispatch(session, `wrapped ${dtype}`, found, { x, gatingOutput, ...MODE });
        const place = { case: 'after the call', tensor: 'wrapped x' };
        session.report(compareExact(place, await wrappedX.read(), x));
      }
    },
  };
}

/** Rows that are whole words, in memory that need not begin at one; the result is the backend's own. */
function wrapWholeWordsCase(): ConformanceCase {
  const id = 'generated/wrap/rows-of-whole-words';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      for (const dtype of ['float16', 'uint8'] as const) {
        const x = randomRows(random, dtype, [SIZES.tokens, 8]);
        const { gatingOutput } = randomInput(random, dtype);
        const found = session.keep(
          moeDispatch((await session.wrap(x)).tensor, session.upload(gatingOutput), MODE),
        );
        await checkDispatch(session, `wrapped ${dtype}`, found, { x, gatingOutput, ...MODE });
      }
    },
  };
}

/** Results land in the caller's memory, which outlives its tensors. */
function wrapOutputsCase(): ConformanceCase {
  const id = 'generated/wrap/outputs';
  return {
    id,
    run: async (session) => {
      const { x, gatingOutput } = randomInput(new Random(id), 'float16');
      const hosts = Object.entries(poisonedOutputs('moeDispatch', { ...SIZES, dtype: 'float16' }));
      const wrapped = new Map<string, Awaited<ReturnType<typeof session.wrap>>>();
      for (const [name, host] of hosts) wrapped.set(name, await session.wrap(host));
      const out = Object.fromEntries(Array.from(wrapped, ([name, { tensor }]) => [name, tensor]));
      const options = { ...MODE, out } as unknown as Parameters<typeof moeDispatch>[2];
      const found = moeDispatch(session.upload(x), session.upload(gatingOutput), options);
      await checkDispatch(session, 'through the tensors', found, { x, gatingOutput, ...MODE });
      for (const [tensor, { tensor: result, read }] of wrapped) {
        const through = await readHost(result);
        result.dispose();
        session.report(compareExact({ case: "in the caller's memory", tensor }, await read(), through));
      }
    },
  };
}

/** Memory longer than the tensor: what lies behind the tensor's last element is the caller's, and stays. */
function wrapLargerMemoryCase(): ConformanceCase {
  const id = 'generated/wrap/memory-larger-than-the-tensor';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      for (const dtype of ['float32', 'float16', 'uint8'] as const) {
        const { x, gatingOutput } = randomInput(random, dtype);
        const permuteInput = poisoned(dtype, [SIZES.topK * SIZES.tokens, SIZES.hidden]);
        const { tensor, read } = await session.wrap(permuteInput, { behind: 7 });
        const out = { ...dispatchOut(session, { ...SIZES, dtype }), permuteInput: tensor };
        const options = { ...MODE, out } as unknown as Parameters<typeof moeDispatch>[2];
        const found = moeDispatch(session.upload(x), session.upload(gatingOutput), options);
        await checkDispatch(session, dtype, found, { x, gatingOutput, ...MODE });
        const whole = poisoned(dtype, [permuteInput.data.length + 7]);
        (whole.data as Uint8Array).set((await tensor.read()) as Uint8Array);
        const place = { case: `${dtype}, 7 elements behind the tensor`, tensor: "the caller's memory" };
        session.report(compareExact(place, await read(), whole));
      }
    },
  };
}

/** Tensors that begin somewhere within the caller's memory, whose other bytes stay as they are. */
function wrapOffsetCase(): ConformanceCase {
  const id = 'generated/wrap/byte-offset';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const room = { before: 64, behind: 5 };
      for (const dtype of ['float32', 'int64'] as const) {
        const { x, gatingOutput } = randomInput(random, dtype);
        const result = poisoned(dtype, [SIZES.topK * SIZES.tokens, SIZES.hidden]);
        const { tensor, read } = await session.wrap(result, room);
        const out = { ...dispatchOut(session, { ...SIZES, dtype }), permuteInput: tensor };
        const inputs = [await session.wrap(x, room), await session.wrap(gatingOutput, room)];
        const options = { ...MODE, out } as unknown as Parameters<typeof moeDispatch>[2];
        const found = moeDispatch(inputs[0].tensor, inputs[1].tensor, options);
        await checkDispatch(session, dtype, found, { x, gatingOutput, ...MODE });
        const whole = poisoned(dtype, [room.before + result.data.length + room.behind]);
        (whole.data as unknown as Uint8Array).set((await tensor.read()) as Uint8Array, room.before);
        const place = { case: `${dtype}, around the result`, tensor: "the caller's memory" };
        session.report(compareExact(place, await read(), whole));
      }
    },
  };
}

function wrapReduceCase(dtype: FloatDType): ConformanceCase {
  const id = `generated/wrap/moeReduce,dtype=${dtype}`;
  return {
    id,
    run: async (session) => {
      const options = { normTopkProb: true };
      const input = { ...randomReduce(new Random(id), dtype), ...options };
      const inputs = [];
      // Not where GPUs align bindings.
      const room = { before: 66, behind: 5 };
      for (const host of reduceTensors(input)) inputs.push((await session.wrap(host, room)).tensor);
      const [ffn, scales, rows, experts] = inputs;
      // An odd number of elements: half of the last word is the caller's.
      const result = poisoned(dtype, [SIZES.tokens, SIZES.hidden]);
      const { tensor: out, read } = await session.wrap(result, { behind: 7 });
      await checkReduce(
        session,
        'moeReduce',
        moeReduce(ffn, scales, rows, experts, { out, ...options }),
        input,
      );
      const whole = poisoned(dtype, [result.data.length + 7]);
      (whole.data as Uint16Array).set((await out.read()) as Uint16Array);
      const place = { case: '7 elements behind the result', tensor: "the caller's memory" };
      session.report(compareExact(place, await read(), whole));
    },
  };
}

/** A borrowed tensor counts as live, its bytes do not. */
function wrapBooksCase(): ConformanceCase {
  return {
    id: 'generated/wrap/memory-is-borrowed',
    run: async (session) => {
      const before = session.backend.memory();
      const host = randomRows(new Random(1), 'float32', [8, 4]);
      const { tensor, read } = await session.wrap(host);
      const label = 'a wrapped tensor';
      const during = session.backend.memory();
      session.expectValue({ case: label, tensor: 'borrowed' }, tensor.borrowed, true);
      session.expectValue(
        { case: label, tensor: 'memory().liveTensors' },
        during.liveTensors,
        before.liveTensors + 1,
      );
      session.expectValue({ case: label, tensor: 'memory().liveBytes' }, during.liveBytes, before.liveBytes);
      await checkExact(session, { case: label, tensor: 'read()' }, tensor, host);
      tensor.dispose();
      session.report(compareExact({ case: 'after dispose()', tensor: 'native memory' }, await read(), host));
    },
  };
}

function randomInput(random: Random, dtype: DType) {
  return {
    x: randomRows(random, dtype, [SIZES.tokens, SIZES.hidden]),
    gatingOutput: drawn('float32', [SIZES.tokens, SIZES.numExperts], () => random.normal()),
  };
}

function randomReduce(random: Random, dtype: FloatDType): ReduceInput {
  const { x, gatingOutput } = randomInput(random, 'uint8');
  const expected = expectDispatch({ x, gatingOutput }, MODE);
  return {
    ffnOut: drawn(dtype, [SIZES.topK * SIZES.tokens, SIZES.hidden], () => random.normal()),
    expertScalesFloat: expected.expertScalesFloat,
    permuteIndicesPerToken: expected.permuteIndicesPerToken,
    topKIndices: expected.topKIndices,
  };
}

function reduceTensors(input: ReduceInput) {
  return [input.ffnOut, input.expertScalesFloat, input.permuteIndicesPerToken, input.topKIndices];
}
