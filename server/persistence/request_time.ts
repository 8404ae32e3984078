/**
 * The time in the ids of requests: UUIDs of version 7 (RFC 9562, section 5.7) begin with 48 bits of milliseconds since 1970.
 *
 * @module
 */

const MAX_TIME_MS = 2 ** 48 - 1;

/**
 * What no id of an earlier moment reaches, and no id of this moment or later lies below.
 *
 * @param timeMs Milliseconds since 1970.
 */
export function firstIdAt(timeMs: number): string {
  const time = Math.min(MAX_TIME_MS, Math.max(0, Math.ceil(timeMs))).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/**
 * The moment that an id begins with.
 *
 * @returns Milliseconds since 1970.
 */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
