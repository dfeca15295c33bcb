import { number, scale } from '../format.js';
import type { DispatchView } from '../protocol.js';

/** The numbers behind the bars: tokens of each expert and its rows of permuteInput. */
export function LoadTable({ view }: { view: DispatchView }) {
  const { counts, bias, groups, experts } = view;
  return (
    <details>
      <summary>Load per expert as a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" aria-label="Load per expert" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Expert</th>
              {groups && <th scope="col">Group</th>}
              {bias && <th scope="col">Bias</th>}
              <th scope="col">Tokens</th>
              <th scope="col">Rows of permuteInput</th>
            </tr>
          </thead>
          <tbody>
            {[...counts].map((load, expert) => (
              <tr key={expert}>
                <th scope="row">{expert}</th>
                {groups && <td>{Math.floor((expert * groups.count) / experts)}</td>}
                {bias && <td>{scale(bias[expert])}</td>}
                <td>{number(load)}</td>
                <td>{rowsOf(view, expert)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

function rowsOf({ experts, zeroExperts, offsets }: DispatchView, expert: number): string {
  if (expert >= experts - zeroExperts) return 'zero expert';
  const [first, end] = [offsets[expert], offsets[expert + 1]];
  return first === end ? 'none' : `${number(first)} to ${number(end - 1)}`;
}
