import { expect, it } from 'vitest';
import { formatMarkdown } from '../src/reports/markdown.js';
import { exampleCase, exampleReport } from './example-report.js';

const cpu = exampleReport('cpu', [
  exampleCase('golden/a', 'passed'),
  exampleCase('golden/b', 'passed'),
  exampleCase('random/seed=7', 'failed'),
]);
const webgpu = exampleReport(
  'webgpu',
  [exampleCase('golden/a', 'passed'), exampleCase('golden/b', 'not claimed')],
  {
    complete: false,
  },
);

it('has totals by backend and by group, groups with failures first', () => {
  const lines = formatMarkdown([cpu, webgpu]).split('\n');
  expect(lines).toContain(
    '| cpu | device of cpu, driver 580.159.04 | node 20.20.2, linux x64 | 2 | 1 | 0 | 0 |',
  );
  expect(lines.find((line) => line.startsWith('| webgpu'))).toContain('webgpu, **stopped early**');
  const groups = lines.slice(lines.indexOf('| group | cpu | webgpu |') + 2);
  expect(groups.slice(0, 2)).toEqual([
    '| random | **1 failed** | not run |',
    '| golden | 2 passed | 1 passed, 1 not claimed |',
  ]);
});

it('shows each failure with its first differences and the command that repeats it', () => {
  const text = formatMarkdown([cpu], './my-backend.js');
  expect(text).toContain(
    'FAILED random/seed=7\n  moeDispatch of x [4, 8], gating [4, 3]: topKIndices[3, 1]: expected 2',
  );
  expect(text).toContain(
    '  repeat: npx moe-conformance run --backend ./my-backend.js --seed 7 --random 1 --filter random/seed=7',
  );
  expect(formatMarkdown([webgpu])).not.toContain('Failures');
});

it('stays small, however much failed', () => {
  const cases = Array.from({ length: 830 }, (_, i) => exampleCase(`golden/${i}`, 'failed'));
  const text = formatMarkdown([exampleReport('cpu', cases)]);
  expect(text.match(/FAILED/g)).toHaveLength(20);
  expect(text).toContain('and 810 more');
});

it('is not led astray by a device or a message', () => {
  const name = '<img src=x onerror=alert(1)> | **x** `y`\n# z';
  const error = { name: 'Error', message: '```\n<script>alert(1)</script>' };
  const text = formatMarkdown([
    exampleReport(name, [exampleCase('golden/a', 'failed', { differences: [], error })]),
  ]);
  const [tables, failures] = text.split('### Failures');
  expect(tables).not.toMatch(/<img|\*\*x|`|^# z/m);
  expect(failures).toContain('\n````text\n');
  expect(failures.trimEnd().endsWith('\n````')).toBe(true);
});
