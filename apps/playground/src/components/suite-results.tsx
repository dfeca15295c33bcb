import type { CaseResult, CaseStatus } from '@moe-dispatch/conformance';
import { count } from '../format.js';

const STATUSES = ['passed', 'failed', 'not claimed'] as const satisfies readonly CaseStatus[];

/** Groups of cases × what became of them, and every failure in detail. */
export function SuiteResults({ results }: { results: readonly CaseResult[] }) {
  const groups = groupResults(results);
  const failures = results.filter(({ status }) => status === 'failed');
  const notClaimed = results.filter(({ status }) => status === 'not claimed');
  return (
    <>
      <table class="wide matrix">
        <thead>
          <tr>
            <th scope="col">Group</th>
            {STATUSES.map((status) => (
              <th scope="col" key={status}>
                {status}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...groups].map(([group, own]) => (
            <Row key={group} name={group} results={own} />
          ))}
        </tbody>
        <tfoot>
          <Row name="all" results={results} />
        </tfoot>
      </table>
      {failures.length > 0 && (
        <details open class="failures">
          <summary>{count(failures.length, 'failure')}</summary>
          {failures.map((result) => (
            <Failure key={result.id} result={result} />
          ))}
        </details>
      )}
      {notClaimed.length > 0 && (
        <details>
          <summary>{count(notClaimed.length, 'case')} not claimed, which counts as neither</summary>
          <ul>
            {notClaimed.map(({ id, reason }) => (
              <li key={id}>
                <code>{id}</code>: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Row({ name, results }: { name: string; results: readonly CaseResult[] }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {STATUSES.map((status) => {
        const cases = results.filter((result) => result.status === status).length;
        return (
          <td key={status} data-status={cases > 0 ? status : undefined}>
            {cases}
          </td>
        );
      })}
    </tr>
  );
}

/** By the id without its last part: `golden`, `generated/routing`, `errors/moeReduce`, `random`. */
function groupResults(results: readonly CaseResult[]): Map<string, CaseResult[]> {
  const groups = new Map<string, CaseResult[]>();
  for (const result of results) {
    const group = result.id.split('/').slice(0, -1).slice(0, 2).join('/');
    groups.set(group, [...(groups.get(group) ?? []), result]);
  }
  return groups;
}

function Failure({ result: { id, error, differences } }: { result: CaseResult }) {
  return (
    <div class="failure">
      <code>{id}</code>
      {error && (
        <p>
          {error.code ?? error.name}: {error.message}
        </p>
      )}
      <ul>
        {differences.map(({ case: label, tensor, index, expected, found, count: wrong }) => (
          <li key={`${label} ${tensor} ${index}`}>
            {label}, {tensor}[{index.join(', ')}]: expected {expected}, found {found} (
            {count(wrong, 'element')} wrong)
          </li>
        ))}
      </ul>
    </div>
  );
}
