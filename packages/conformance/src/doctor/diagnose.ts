import { runTask } from '../isolated/task-process.js';
import { BACKEND_LIMIT } from '../time-limit.js';
import type { Diagnosis } from './diagnosis.js';

/** Looks at a backend in a separate process. Whatever happens to that process is in the diagnosis, never an error. */
export async function diagnose(backend: string): Promise<Diagnosis> {
  let diagnosis: Diagnosis | undefined;
  const failure = await runTask({
    task: 'diagnose',
    input: backend,
    timeout: BACKEND_LIMIT,
    quiet: true,
    onResult: (result) => {
      diagnosis = result;
    },
  });
  const problem = {
    found: `a probe of it did not end well: ${failure?.message}`,
    remedy: "reinstall the backend and the device's driver, or report it to its authors",
  };
  return diagnosis ?? { backend, installed: true, works: false, problem };
}
