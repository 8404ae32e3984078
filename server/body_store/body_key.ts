/**
 * What may be a key of a body store: safe as the name of a file and of an object, on every system.
 *
 * @module
 */

const KEY = /^[a-z0-9][a-z0-9-]{0,99}$/;

/** Whether a text is a key. */
export function isBodyKey(key: string): boolean {
  return KEY.test(key);
}

/**
 * Lets a key pass.
 *
 * @throws {TypeError} for anything else: it would leave its folder.
 */
export function checkBodyKey(key: string): string {
  if (!isBodyKey(key)) throw new TypeError("Cannot use body key: it must be 1 to 100 of [a-z0-9-]");
  return key;
}
