import { number } from '../format.js';
import type { DispatchView } from '../protocol.js';

/** The numbers behind the bars: tokens of each expert and its rows of permuteInput. */
export function LoadTable({ view: { counts, offsets } }: { view: DispatchView }) {
  return (
    <details>
      <summary>Load per expert as a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" aria-label="Load per expert" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Expert</th>
              <th scope="col">Tokens</th>
              <th scope="col">Rows of permuteInput</th>
            </tr>
          </thead>
          <tbody>
            {[...counts].map((load, expert) => (
              <tr key={expert}>
                <th scope="row">{expert}</th>
                <td>{number(load)}</td>
                <td>
                  {load === 0 ? 'none' : `${number(offsets[expert])} to ${number(offsets[expert + 1] - 1)}`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}
