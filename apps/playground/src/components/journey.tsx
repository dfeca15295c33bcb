import { chosenOf, count, difference, keptBy, number, scale } from '../format.js';
import type { DispatchView } from '../protocol.js';

interface JourneyProps {
  readonly view: DispatchView;
  readonly token: number;
  readonly onToken: (token: number) => void;
}

/** Height of a choice's line, in pixels: the drawn lines end at their middles. */
const CHOICE_HEIGHT = 34;

/** One token's way: its row, the experts, the rows of permuteInput, and what moeReduce gives back. */
export function Journey({ view, token, onToken }: JourneyProps) {
  const { tokens, groups } = view;
  if (tokens === 0) return null;
  const change = (event: Event) => {
    const { valueAsNumber } = event.currentTarget as HTMLInputElement;
    if (valueAsNumber >= 0 && valueAsNumber < tokens) onToken(Math.floor(valueAsNumber));
  };
  return (
    <section class="card" aria-label="A token's journey">
      <h2>
        The journey of token{' '}
        <input type="number" aria-label="Token" min={0} max={tokens - 1} value={token} onInput={change} />
      </h2>
      {groups && (
        <p class="sub">
          It keeps the groups {keptBy(view, token).join(', ')} of {groups.count}, and chooses among their
          experts.
        </p>
      )}
      <div class="journey">
        <Sent view={view} token={token} />
        <div class="middle">
          <Lines view={view} token={token} />
          <Choices view={view} token={token} />
          <Lines view={view} token={token} mirrored />
        </div>
        <Returned view={view} token={token} />
      </div>
    </section>
  );
}

interface TokenProps {
  readonly view: DispatchView;
  readonly token: number;
}

function Sent({ view, token }: TokenProps) {
  const { journey, hidden, dtype } = view;
  return (
    <div class="stop">
      <h3>Row {number(token)} of x</h3>
      <Values values={journey.sent} width={journey.width} token={token} hidden={hidden} />
      <p>{count(hidden, `${dtype} value`)}</p>
    </div>
  );
}

function Returned({ view, token }: TokenProps) {
  const { returned, offBy, exactRows, width } = view.journey;
  const { hidden, dtype, weighsRows } = view;
  const copies = weighsRows
    ? 'Its rows were multiplied by their scales on the way to the experts.'
    : `${exactRows[token]} of ${count(rowsOf(view, token), 'row')} hold the token's own bytes.`;
  if (returned === undefined) {
    return (
      <div class="stop">
        <h3>The end</h3>
        <p>
          moeReduce does not sum {dtype}. {copies}
        </p>
      </div>
    );
  }
  return (
    <div class="stop">
      <h3>Back from moeReduce</h3>
      <Values values={returned} width={width} token={token} hidden={hidden} />
      <p>
        {!weighsRows && `off by at most ${difference(offBy[token])}. `}
        {copies}
      </p>
    </div>
  );
}

function Values({
  values,
  width,
  token,
  hidden,
}: {
  values: Float32Array;
  width: number;
  token: number;
  hidden: number;
}) {
  const shown = [...values.subarray(token * width, (token + 1) * width)];
  return (
    <p class="values">
      {shown.map((value) => value.toFixed(3)).join('  ')}
      {hidden > width && ' …'}
    </p>
  );
}

/** How many rows of permuteInput a token has. */
function rowsOf({ rows, tokens }: DispatchView, token: number): number {
  return rows.filter((row, i) => i % tokens === token && row >= 0).length;
}

/** The scale as a share of the token's largest. */
function shares({ scales, topK }: DispatchView, token: number): number[] {
  const own = [...scales.subarray(token * topK, (token + 1) * topK)];
  const most = Math.max(...own.map(Math.abs)) || 1;
  return own.map((value) => Math.abs(value) / most);
}

function Choices({ view, token }: TokenProps) {
  const { scales, rows, tokens, topK, bias } = view;
  const share = shares(view, token);
  return (
    <table class="choices">
      <thead>
        <tr>
          <th scope="col">Expert</th>
          {bias && <th scope="col">Bias</th>}
          <th scope="col">Scale</th>
          <th scope="col">Row of permuteInput</th>
        </tr>
      </thead>
      <tbody>
        {chosenOf(view, token).map((expert, k) => (
          <tr key={k} style={{ height: `${CHOICE_HEIGHT}px` }}>
            <th scope="row">{expert < 0 ? 'nowhere' : expert}</th>
            {bias && <td>{expert < 0 ? '' : scale(bias[expert])}</td>}
            <td class="scale">
              <span class="scale-bar" style={{ width: `${share[k] * 100}%` }} />
              <span>{scale(scales[token * topK + k])}</span>
            </td>
            <td>{rowText(rows[k * tokens + token], expert)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function rowText(row: number, expert: number): string {
  if (row >= 0) return number(row);
  return expert < 0 ? 'none' : 'zero expert';
}

/** Lines from one place to every choice, as thick as the scale is large. The table says the same. */
function Lines({ view, token, mirrored = false }: TokenProps & { mirrored?: boolean }) {
  const height = view.topK * CHOICE_HEIGHT;
  const [from, to] = mirrored ? [100, 0] : [0, 100];
  return (
    <svg
      class="lines"
      viewBox={`0 0 100 ${height}`}
      style={{ height: `${height}px` }}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {shares(view, token).map((share, k) => {
        const y = (k + 0.5) * CHOICE_HEIGHT;
        return (
          <path
            key={k}
            d={`M ${from} ${height / 2} C 50 ${height / 2} 50 ${y} ${to} ${y}`}
            stroke-width={1 + share * 4}
            opacity={0.35 + share * 0.65}
          />
        );
      })}
    </svg>
  );
}
