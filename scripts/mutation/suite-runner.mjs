// Runs cases of the suite in a child process, which is replaced where a mutant hangs or crashes it.
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
   * @param cases their ids, in order
   * @returns `killedBy`: what killed the mutant in words, '' for one that passes everything; or `invalid`: why it is no
   *   program
   * @throws where a new process fails the backend as it is: what it says of mutants would mean nothing
   */
  async run(bundle, way, cases) {
    const { control } = this;
    if (this.child === null) {
      const first = { bundle: control, control, way: { ...way, only: undefined } };
      const { killedBy } = await this.ask({ ...first, cases: ['generated/tokens/t=1'] });
      if (killedBy !== '') throw new Error(`the suite fails without a mutation: ${killedBy}`);
    }
    return this.ask({ bundle, control, way, cases });
  }

  /** `passed`, of the outcome: of each case that passed, its `passed`, `ms` and `seen`. */
  ask(request, onPassed = () => {}) {
    this.child ??= fork(SUITE, {
      execArgv: ['--max-old-space-size=1024'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const { child } = this;
    return new Promise((resolve) => {
      let timer;
      const passed = [];
      const last = () => passed.at(-1)?.passed ?? 'the start';
      const finish = (outcome) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve({ ...outcome, passed });
      };
      const hang = () => {
        this.close();
        finish({ killedBy: `no end, after ${last()}` });
      };
      timer = setTimeout(hang, this.caseMs);
      child.on('exit', () => {
        this.child = null;
        finish({ killedBy: `a crash, after ${last()}` });
      });
      child.on('message', (message) => {
        if (message.passed === undefined) finish(message);
        else {
          passed.push(message);
          onPassed(message);
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
