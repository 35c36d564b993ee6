// Options as they were written: what is inherited is none, whoever put it there.

/**
 * The properties of an object that has no others. What is inherited could be forgotten here, and what is
 * forgotten lets more callers in.
 * @internal
 */
export function own(what: string, object: unknown): Map<string, unknown> {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw new TypeError(`peergate: ${what} must be an object`);
  }
  if (!isPlain(object)) {
    throw new TypeError(`peergate: ${what} must be a plain object`);
  }
  // Those that are not enumerable, too.
  const values = object as Record<string, unknown>;
  return new Map(Object.getOwnPropertyNames(object).map((name) => [name, values[name]]));
}

/** Whether an object, of whatever realm, inherits nothing but what every object does. @internal */
export function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The same as an object that inherits nothing, not even from a polluted `Object.prototype`. @internal */
export function alone(given: ReadonlyMap<string, unknown>): object {
  return Object.setPrototypeOf(Object.fromEntries(given), null) as object;
}

/** The error for a setting that was forgotten: without it more callers might be let in. @internal */
export function isUndefined(name: string): TypeError {
  return new TypeError(`peergate: \`${name}\` is undefined; leave it out or give it a value`);
}
