import { makeIsSeen } from './coverage.mjs';

// Which cases a mutant has to pass, and in which order: what killed others of the file first, then the quickest.
export class CaseOrder {
  #traces;
  #marks;
  #limit;
  #kills = new Map();

  /**
   * @param traces of `traceCases`
   * @param marks of `markMutants`; undefined where cases are not traced, and each may notice every mutant
   * @param limit the time in ms that the cases may take without a mutation; the slowest are left out
   */
  constructor(traces, marks, limit) {
    this.#traces = traces;
    this.#marks = marks;
    this.#limit = limit;
  }

  casesFor(mutant, way) {
    const { file } = mutant;
    const isSeen = this.#marks === undefined ? () => true : makeIsSeen(this.#marks, mutant);
    const cases = this.#traces[JSON.stringify(way)].filter(isSeen);
    const kills = ({ id }) => this.#kills.get(`${file} ${id}`) ?? 0;
    return this.#withinLimit(cases)
      .sort((a, b) => kills(b) - kills(a))
      .map(({ id }) => id);
  }

  #withinLimit(cases) {
    let sum = 0;
    return cases.filter(({ ms }) => {
      sum += ms;
      return sum <= this.#limit;
    });
  }

  noteKill(file, id) {
    const key = `${file} ${id}`;
    this.#kills.set(key, (this.#kills.get(key) ?? 0) + 1);
  }
}
