import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

/* The recipes of docs/ci.md, run as they stand there, and the syntax of all workflows. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WORKFLOWS = join(ROOT, '.github/workflows');

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly if?: string;
  readonly 'working-directory'?: string;
}

interface Workflow {
  readonly name?: string;
  readonly on?: unknown;
  readonly jobs: Readonly<Record<string, { readonly 'runs-on': string; readonly steps: readonly Step[] }>>;
}

const document = readFileSync(join(ROOT, 'docs/ci.md'), 'utf8');
const blocks = Array.from(document.matchAll(/^```yaml( runnable)?\n(.*?)^```$/gms), ([, runnable, text]) => ({
  runnable: runnable !== undefined,
  workflow: parse(text) as Workflow,
}));
const stepsOf = ({ jobs }: Workflow) => Object.values(jobs).flatMap(({ steps }) => steps);

describe('the syntax', () => {
  const files = readdirSync(WORKFLOWS);
  const all = [
    ...blocks.map(({ workflow }, i) => ({ name: `block ${i + 1} of docs/ci.md`, workflow })),
    ...files.map((name) => ({
      name,
      workflow: parse(readFileSync(join(WORKFLOWS, name), 'utf8')) as Workflow,
    })),
  ];

  it.each(all)('of $name: every job has a runner, every step one thing to do', ({ workflow }) => {
    for (const job of Object.values(workflow.jobs)) expect(job['runs-on']).toBe('ubuntu-24.04');
    for (const step of stepsOf(workflow)) {
      expect([step.run, step.uses].filter((each) => typeof each === 'string')).toHaveLength(1);
      if (step.run !== undefined) execFileSync('bash', ['-n', '-c', step.run]);
    }
  });

  it.each(files)('of %s: its scripts are there', (file) => {
    const text = readFileSync(join(WORKFLOWS, file), 'utf8');
    expect(parse(text)).toMatchObject({ name: expect.any(String), on: expect.anything() });
    const scripts = Array.from(
      text.matchAll(/(?:scripts|\.ci|packages\/[a-z-]+\/bin)\/[\w./-]+/g),
      ([path]) => path,
    );
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('the recipes', () => {
  let folder: string;
  /** Of the runnable block whose workflow has this name. */
  const recipe = (name: string) => {
    const found = blocks.find(({ runnable, workflow }) => runnable && workflow.name === name);
    return stepsOf(found!.workflow).filter(({ run }) => run !== undefined && run !== 'npm ci');
  };

  beforeEach(() => {
    // What `npm ci` would do in a backend's repository.
    folder = mkdtempSync(join(tmpdir(), 'moe-ci-'));
    const link = (from: string, to: string) => {
      mkdirSync(dirname(join(folder, to)), { recursive: true });
      symlinkSync(join(ROOT, from), join(folder, to));
    };
    for (const name of ['core', 'backend-cpu', 'conformance']) {
      link(`packages/${name}`, `node_modules/@moe-dispatch/${name}`);
    }
    link('packages/conformance/bin/moe-conformance.js', 'node_modules/.bin/moe-conformance');
    writeFileSync(join(folder, 'package.json'), '{ "name": "my-backend", "private": true }');
    writeFileSync(join(folder, 'backend.mjs'), "export { cpu } from '@moe-dispatch/backend-cpu';\n");
    writeFileSync(join(folder, '.gitignore'), 'node_modules\n');
    const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, stdio: 'pipe' });
    git('init', '--quiet');
    git('add', '.');
    git('-c', 'user.name=x', '-c', 'user.email=x@example.org', 'commit', '--quiet', '-m', 'base');
    git('update-ref', 'refs/remotes/origin/main', 'HEAD');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Runs steps as GitHub does: after a failure only those with `if: always()`. Returns what failed. */
  function runSteps(steps: readonly Step[]): string[] {
    const failed: string[] = [];
    for (const { run = '', if: condition, 'working-directory': place = '.' } of steps) {
      if (failed.length > 0 && condition !== 'always()') continue;
      const env = {
        ...process.env,
        GITHUB_STEP_SUMMARY: join(folder, 'step-summary'),
        GITHUB_BASE_REF: 'main',
        CI: 'true',
      };
      const { status } = spawnSync('bash', ['-e', '-c', run], {
        cwd: join(folder, place),
        env,
        stdio: 'pipe',
      });
      if (status !== 0) failed.push(run);
    }
    return failed;
  }

  const summary = () => readFileSync(join(folder, 'step-summary'), 'utf8');
  /** The pull request breaks moeReduce. */
  const breakBackend = () =>
    writeFileSync(
      join(folder, 'backend.mjs'),
      `import { cpu } from '@moe-dispatch/backend-cpu';
       import { contractOf } from '@moe-dispatch/core/backend';
       const create = async () => {
         const backend = await cpu().create();
         contractOf(backend).operations.moeReduce = () => { throw new Error('broken'); };
         return backend;
       };
       export const backend = { name: 'cpu', create };`,
    );

  it('GitHub Actions: a report of each kind, and a summary', () => {
    expect(runSteps(recipe('conformance'))).toEqual([]);
    expect(summary()).toMatch(/^\| cpu \|.*\| 0 \| \d+ \| 0 \|$/m);
    for (const kind of ['json', 'xml', 'html']) expect(existsSync(join(folder, `cpu.${kind}`))).toBe(true);
  }, 180_000);

  it('a pull request that changes nothing passes, and fails when it breaks an operation', () => {
    const steps = recipe('regressions');
    expect(runSteps(steps)).toEqual([]);
    expect(summary()).toContain('No case fails that did not fail in the base.');
    execFileSync('git', ['worktree', 'remove', '--force', 'base'], { cwd: folder });
    breakBackend();
    expect(runSteps(steps)).toEqual(['npx moe-conformance diff base.json head.json --markdown diff.md']);
    expect(summary()).toMatch(/\*\*\d+ regressions\*\*/);
  }, 300_000);
});
