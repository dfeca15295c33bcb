/** What a backend is on this machine. Plain JSON. */
export interface Diagnosis {
  /** As it was named: a package, a path, or either with #export. */
  readonly backend: string;
  readonly installed: boolean;
  /** Of the package that it is a part of. */
  readonly version?: string;
  /** Whether it could be made, and gave the right results of one small dispatch. */
  readonly works: boolean;
  readonly device?: string;
  readonly driver?: string;
  /** Why it does not work. */
  readonly problem?: Problem;
}

export interface Problem {
  /** The code of the library's error (docs/errors.md), if it was one. */
  readonly code?: string;
  readonly found: string;
  /** What is needed, or what to do. */
  readonly remedy: string;
}
