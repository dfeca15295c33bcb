// Runs the suite in a child process, which is replaced where a mutant hangs or crashes it.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SUITE = fileURLToPath(new URL('suite.mjs', import.meta.url));
/** For one case; without a mutation the slowest takes a tenth of a second. */
const CASE_MS = 30_000;

export class SuiteRunner {
  child = null;
  control;

  /** @param control a bundle of the backend as it is */
  constructor(control) {
    this.control = control;
  }

  /**
   * @returns what killed the mutant in words, '' for one that passes everything
   * @throws where a new process fails the backend as it is: what it says of mutants would mean nothing
   */
  async run(bundle, simd) {
    if (this.child === null) {
      const killedBy = await this.ask({ bundle: this.control, simd, filter: 'golden/' });
      if (killedBy !== '') throw new Error(`the suite fails without a mutation: ${killedBy}`);
    }
    return this.ask({ bundle, simd, filter: '' });
  }

  ask(request) {
    this.child ??= fork(SUITE, {
      execArgv: ['--max-old-space-size=1024'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const { child } = this;
    return new Promise((resolve) => {
      let timer;
      let last = 'the start';
      const finish = (killedBy) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(killedBy);
      };
      const hang = () => {
        this.close();
        finish(`no end, after ${last}`);
      };
      timer = setTimeout(hang, CASE_MS);
      child.on('exit', () => {
        this.child = null;
        finish(`a crash, after ${last}`);
      });
      child.on('message', ({ passed, killedBy }) => {
        if (killedBy !== undefined) finish(killedBy);
        else {
          last = passed;
          timer.refresh();
        }
      });
      child.send(request);
    });
  }

  close() {
    this.child?.kill('SIGKILL');
    this.child = null;
  }
}
