// Which cases can notice a mutant of a kernel: those that launch a program with the mutated place in it.
const MARK = /\/\*@(\d+)\*\//g;

/**
 * Sources with a WGSL comment at the place of each mutant: `marked`, by file. `marks`: `{ file, start }` of each, by number.
 * @param sources `{ file, text, mutants }` of each file
 */
export function markMutants(sources) {
  const marks = [];
  const marked = {};
  for (const { file, text, mutants } of sources) {
    const starts = [...new Set(mutants.map(({ start }) => start))];
    let result = '';
    let end = 0;
    for (const start of starts) {
      result += `${text.slice(end, start)}/*@${marks.length}*/`;
      marks.push({ file, start });
      end = start;
    }
    marked[file] = result + text.slice(end);
  }
  return { marks, marked };
}

/** Whether a case that has seen some marks has seen a mutant's place: one in it or, if it has none, the one before. */
export function makeIsSeen(marks, { file, start, end }) {
  const numbers = [...marks.keys()].filter((number) => marks[number].file === file);
  const within = numbers.filter((number) => marks[number].start >= start && marks[number].start < end);
  const before = numbers.filter((number) => marks[number].start < start).slice(-1);
  const wanted = new Set(within.length > 0 ? within : before);
  return ({ seen }) => seen.some((number) => wanted.has(number));
}

/** A device that notes in `seen` the marks of all programs that it launches, and takes them out. */
export function tracedDevice(device, forward, seen) {
  const marksOf = new WeakMap();
  const ofPipeline = (pipeline, { compute }) => {
    marksOf.set(pipeline, marksOf.get(compute.module));
    return pipeline;
  };
  return forward(device, {
    createShaderModule: (descriptor) => {
      const module = device.createShaderModule({ ...descriptor, code: descriptor.code.replaceAll(MARK, '') });
      marksOf.set(
        module,
        Array.from(descriptor.code.matchAll(MARK), ([, number]) => Number(number)),
      );
      return module;
    },
    createComputePipeline: (descriptor) => ofPipeline(device.createComputePipeline(descriptor), descriptor),
    createComputePipelineAsync: async (descriptor) =>
      ofPipeline(await device.createComputePipelineAsync(descriptor), descriptor),
    createCommandEncoder: (...options) => tracedEncoder(device.createCommandEncoder(...options)),
  });

  function tracedEncoder(encoder) {
    return forward(encoder, {
      beginComputePass: (descriptor) => {
        const pass = encoder.beginComputePass(descriptor);
        const setPipeline = (pipeline) => {
          for (const mark of marksOf.get(pipeline)) seen.add(mark);
          pass.setPipeline(pipeline);
        };
        return forward(pass, { setPipeline });
      },
    });
  }
}
