// Runs the suite in a child process, which is replaced where a mutant hangs or crashes it.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SUITE = fileURLToPath(new URL('suite.mjs', import.meta.url));
/** For one case; without a mutation the slowest takes a tenth of a second. */
const CASE_MS = 15_000;

export class SuiteRunner {
  child = null;

  /** @returns what killed the mutant in words, '' for one that passes everything */
  run(bundle, simd) {
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
      child.send({ bundle, simd });
    });
  }

  close() {
    this.child?.kill('SIGKILL');
    this.child = null;
  }
}
