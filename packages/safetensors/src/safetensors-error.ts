/** A file that is not valid safetensors. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly file: string;
  /** Where in the file, in bytes. */
  readonly offset: number;

  constructor(file: string, offset: number, message: string) {
    super(`${file}, byte ${offset}: ${message}`);
    this.file = file;
    this.offset = offset;
  }
}
