import type { DispatchView, FileInfo, Requests, SuiteEnd, SuiteProgress, Timing } from '../protocol.js';
import { Backends } from './backends.js';
import { describeFile, readInput } from './file-input.js';
import { type DispatchInput, randomInput, withRouting } from './input.js';
import { resultsFile } from './results-file.js';
import { type DispatchRun, runDispatch } from './run-dispatch.js';
import { timeDispatch } from './timing.js';

type Handlers = {
  [M in keyof Requests]: (
    args: Requests[M]['args'],
    onProgress: (progress: SuiteProgress) => void,
  ) => Promise<Requests[M]['result']>;
};

/** Answers the page's requests; holds what the next one may refer to. */
export class Bench implements Handlers {
  private readonly backends = new Backends();
  private file: DispatchInput | undefined;
  private lastRun: DispatchRun | undefined;

  async load({ bytes, name }: Requests['load']['args']): Promise<FileInfo> {
    const { input, metadata } = readInput(bytes, name);
    this.file = input;
    return describeFile(input, metadata);
  }

  async dispatch({ settings, routing, fromFile }: Requests['dispatch']['args']): Promise<DispatchView> {
    const input =
      fromFile && this.file ? withRouting(this.file, routing, settings.seed) : randomInput(settings, routing);
    this.lastRun = await runDispatch(input, await this.backends.open());
    return this.lastRun.view;
  }

  async time(): Promise<readonly Timing[]> {
    const { backend, cpu } = await this.backends.open();
    const timings: Timing[] = [];
    for (const one of new Set([cpu, backend])) timings.push(await timeDispatch(one, this.run.input));
    return timings;
  }

  async save(): Promise<Uint8Array<ArrayBuffer>> {
    return resultsFile(this.run);
  }

  async conformance(
    { backend, filter }: Requests['conformance']['args'],
    onProgress: (progress: SuiteProgress) => void,
  ): Promise<SuiteEnd> {
    // A chunk of its own: the suite and fast-check come only to those who run it.
    const { runSuite } = await import('./run-suite.js');
    return runSuite(backend, filter, onProgress);
  }

  private get run(): DispatchRun {
    if (this.lastRun === undefined) throw new Error('nothing has been dispatched yet');
    return this.lastRun;
  }
}
