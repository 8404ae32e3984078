/**
 * Texts that come from outside, as every database takes them.
 *
 * @module
 */

/** PostgreSQL knows no NUL in texts: one made-up path must not keep what is written together with it out of the database. */
export function storableText(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text;
}
