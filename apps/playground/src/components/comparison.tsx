import { useEffect, useState } from 'preact/hooks';
import { deviceText } from '../device.js';
import { backendName, count, megabytes, milliseconds } from '../format.js';
import type { DispatchView, OutputComparison, PlainError, Timing } from '../protocol.js';
import type { WorkerClient } from '../worker-client.js';
import { ErrorBox } from './error-box.js';

/** The same dispatch on WebGPU and on the CPU: are the results the same, and how long does each take? */
export function Comparison({ worker, view }: { worker: WorkerClient; view: DispatchView }) {
  const { comparison, permutedBytes } = view;
  return (
    <section class="card">
      <h2>WebGPU beside the CPU</h2>
      {comparison === undefined ? (
        <p>Only the CPU works here, so there is nothing to compare its results with.</p>
      ) : (
        <Outputs comparison={comparison} />
      )}
      <Timings worker={worker} view={view} />
      <p class="sub">
        The median of repeated calls of moeDispatch, with the input already in the backend's memory, until its
        results can be read there; permuteInput has {megabytes(permutedBytes)}. On WebGPU this includes the
        way to the GPU and back.
      </p>
    </section>
  );
}

function Outputs({ comparison }: { comparison: readonly OutputComparison[] }) {
  const wrong = comparison.filter(({ differing }) => differing > 0).length;
  return (
    <>
      <p class={wrong === 0 ? 'verdict good' : 'verdict bad'}>
        {wrong === 0
          ? `Equal: all ${comparison.length} outputs are the same bits on both.`
          : `Different: ${wrong} of ${comparison.length} outputs are not the same bits.`}
      </p>
      <table class="wide">
        <thead>
          <tr>
            <th scope="col">Output</th>
            <th scope="col">Compared with the CPU's</th>
          </tr>
        </thead>
        <tbody>
          {comparison.map((output) => (
            <tr key={output.name}>
              <th scope="row">
                {output.name === 'returned' ? 'moeReduce' : output.name}{' '}
                <small class="shape">[{output.shape.join(', ')}]</small>
              </th>
              <td>{verdict(output)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="sub">Scales and sums, too: every output has one value, on every backend and device.</p>
    </>
  );
}

function verdict({ differing }: OutputComparison): string {
  return differing === 0 ? 'the same bits' : `other bits in ${count(differing, 'element')}`;
}

function Timings({ worker, view }: { worker: WorkerClient; view: DispatchView }) {
  const [timings, setTimings] = useState<readonly Timing[]>();
  const [error, setError] = useState<PlainError>();
  const [busy, setBusy] = useState(false);
  useEffect(() => setTimings(undefined), [view]);
  const measure = async () => {
    setBusy(true);
    try {
      setTimings(await worker.call('time', undefined));
      setError(undefined);
    } catch (thrown) {
      setError(thrown as PlainError);
    }
    setBusy(false);
  };
  const slowest = Math.max(...(timings ?? []).map(({ medianMs }) => medianMs));
  return (
    <div aria-live="polite">
      <button type="button" onClick={measure} disabled={busy}>
        {busy ? 'Measuring…' : timings ? 'Measure again' : 'Measure the time'}
      </button>
      {error && <ErrorBox error={error} />}
      {timings?.map(({ name, device, medianMs, runs }) => (
        <div class="timing" key={name}>
          <span>
            <b>{backendName(name)}</b> <small>{deviceText(device)}</small>
          </span>
          <span class="time-bar" aria-hidden="true">
            <span class={name} style={{ width: `${(medianMs / slowest) * 100}%` }} />
          </span>
          <span class="time">
            {milliseconds(medianMs)} <small>median of {runs}</small>
          </span>
        </div>
      ))}
    </div>
  );
}
