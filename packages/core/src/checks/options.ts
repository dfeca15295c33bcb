import { InvalidArgumentError, invalid, isMoeDispatchError } from '../errors.js';
import { checkObject } from './values.js';

/**
 * Reads each option once, so that nobody's getter runs between a check and the use.
 * @param names all known options.
 * @throws InvalidArgumentError INVALID_ARGUMENT for anything but an object, and for an option of another name.
 */
export function readOptions<O extends object>(
  value: unknown,
  names: readonly (keyof O & string)[],
  argument = 'options',
): Partial<O> {
  checkObject(argument, value);
  return reading(argument, () => {
    for (const name in value) {
      if (!(names as readonly string[]).includes(name)) throw unknownOption(name, names, argument);
    }
    return readProperties(argument, value as O, names);
  });
}

/** Reads each of these properties once. @throws InvalidArgumentError INVALID_ARGUMENT */
export function readProperties<O extends object>(
  argument: string,
  value: O,
  names: readonly (keyof O & string)[],
  expected?: string,
): Partial<O> {
  checkObject(argument, value, expected);
  return reading(argument, () => {
    const properties: Partial<O> = {};
    for (const name of names) properties[name] = value[name];
    return properties;
  });
}

/** Turns what a revoked proxy or a getter throws into an error that names the argument. */
function reading<R>(argument: string, read: () => R): R {
  try {
    return read();
  } catch (cause) {
    if (isMoeDispatchError(cause)) throw cause;
    const found = 'an object that cannot be read';
    throw new InvalidArgumentError('INVALID_ARGUMENT', {
      argument,
      found,
      expected: 'a plain object',
      cause,
    });
  }
}

function unknownOption(name: string, names: readonly string[], argument: string): InvalidArgumentError {
  const known = names.length > 0 ? `one of ${names.join(', ')}` : 'no options';
  const near = nearest(name, names);
  const hint = near === undefined ? known : `${near} (${known})`;
  return invalid('INVALID_ARGUMENT', `${argument}.${name}`.slice(0, 80), 'an unknown option', hint);
}

/** The name that was probably meant: snake case and typing errors are the likeliest mistakes. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const plain = name.replaceAll('_', '').toLowerCase().slice(0, 40);
  const distances = names.map((candidate) => editDistance(plain, candidate.toLowerCase()));
  const least = Math.min(...distances);
  return least <= plain.length / 3 ? names[distances.indexOf(least)] : undefined;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, previous[j] + 1, row[j - 1] + 1));
    }
    previous = row;
  }
  return previous[b.length];
}
