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
  return readProperties(argument, value as O, names, 'an object', true);
}

/**
 * Reads each of these properties once.
 * @param only whether there may be no others.
 * @throws InvalidArgumentError INVALID_ARGUMENT
 */
export function readProperties<O extends object>(
  argument: string,
  value: O,
  names: readonly (keyof O & string)[],
  expected: string,
  only = false,
): Partial<O> {
  checkObject(argument, value, expected);
  try {
    if (only) checkNames(argument, value, names);
    const properties: Partial<O> = {};
    for (const name of names) properties[name] = value[name];
    return properties;
  } catch (cause) {
    throw readingError(argument, expected, cause);
  }
}

/** Throws INVALID_ARGUMENT if an object has a property of another name. */
export function checkNames(argument: string, value: object, names: readonly string[]): void {
  for (const name in value) {
    if (!names.includes(name)) throw unknownOption(`${argument}.${name}`, name, names);
  }
}

/** What to throw when reading an object throws: it is a revoked proxy, or has a getter that throws. */
export function readingError(argument: string, expected: string, cause: unknown): unknown {
  if (isMoeDispatchError(cause)) return cause;
  const found = 'an object that cannot be read';
  return new InvalidArgumentError('INVALID_ARGUMENT', { argument, found, expected, cause });
}

/** An error that suggests the name that was meant: it differs in case or underscores, or is a part of the other. */
function unknownOption(argument: string, name: string, names: readonly string[]): InvalidArgumentError {
  const plain = name.replaceAll('_', '').toLowerCase();
  // Every name has '' as a part.
  const near = names.find((known) => {
    if (plain === '') return false;
    const letters = known.toLowerCase();
    return letters.includes(plain) || plain.includes(letters);
  });
  const known = `one of ${names.join(', ')}`;
  const expected = near === undefined ? known : `${near} (${known})`;
  return invalid('INVALID_ARGUMENT', argument.slice(0, 80), 'an unknown option', expected);
}
