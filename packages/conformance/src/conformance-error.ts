/** The suite cannot do what it was asked for; the message says why. Not the fault of the backend's results. */
export class ConformanceError extends Error {
  override readonly name: string = 'ConformanceError';
}
