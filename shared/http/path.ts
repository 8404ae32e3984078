/**
 * The check that keeps a relayed path below its target's base URL. Server and connector both make it: neither trusts the other with it.
 *
 * @module
 */

/**
 * A segment of one or two dots, each plain or escaped, between separators as any server may see them. A `;` ends a segment too, because Java
 * servers cut such parameters off before they resolve it (`/..;/admin`).
 */
const DOT_SEGMENT = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=$|[/\\;]|%2f|%5c)/i;

/**
 * Whether a path holds a `.` or `..` segment that some server could resolve. Which of them would really leave the base URL depends on how
 * that server unescapes, so that any of them counts.
 *
 * @param path Path, with or without a query; the query is not looked at.
 * @returns `false` for dots inside names, as in `/a..b` or `/.well-known`.
 */
export function hasDotSegments(path: string): boolean {
  const queryAt = path.indexOf("?");
  return DOT_SEGMENT.test(queryAt === -1 ? path : path.slice(0, queryAt));
}
