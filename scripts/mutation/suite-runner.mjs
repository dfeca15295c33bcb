// Runs the suite in a child process, which is replaced where a mutant hangs or crashes it.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SUITE = fileURLToPath(new URL('suite.mjs', import.meta.url));
export class SuiteRunner {
  child = null;
  caseMs;
  control;

  /**
   * @param caseMs the time limit of a case
   * @param control a bundle of the backend as it is
   */
  constructor(caseMs, control) {
    this.caseMs = caseMs;
    this.control = control;
  }

  /**
   * @param way what the suite runs the backend with
   * @returns `killedBy`: what killed the mutant in words, '' for one that passes everything; or `invalid`: why it is no
   *   program
   * @throws where a new process fails the backend as it is: what it says of mutants would mean nothing
   */
  async run(bundle, way) {
    const { control } = this;
    if (this.child === null) {
      const { killedBy } = await this.ask({ bundle: control, control, ...way, filter: 'generated/tokens' });
      if (killedBy !== '') throw new Error(`the suite fails without a mutation: ${killedBy}`);
    }
    return this.ask({ bundle, control, ...way, filter: '' });
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
      const finish = (outcome) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(outcome);
      };
      const hang = () => {
        this.close();
        finish({ killedBy: `no end, after ${last}` });
      };
      timer = setTimeout(hang, this.caseMs);
      child.on('exit', () => {
        this.child = null;
        finish({ killedBy: `a crash, after ${last}` });
      });
      child.on('message', ({ passed, ...outcome }) => {
        if (passed === undefined) finish(outcome);
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
