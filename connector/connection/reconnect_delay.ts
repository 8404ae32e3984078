/**
 * How long to wait before connecting again.
 *
 * @module
 */

/** The window that the server, or the default, sets; in milliseconds. */
export interface ReconnectWindow {
  readonly minimumMs: number;
  readonly maximumMs: number;
}

/**
 * A random delay inside the window, so that connectors that lost the same server do not come back at once together. The first attempts are
 * made near its beginning: a short outage should stay short.
 *
 * @param attempt How many attempts have failed since the last connection, from 0.
 * @param random From 0 to 1.
 * @returns Milliseconds.
 */
export function reconnectDelayMs({ minimumMs, maximumMs }: ReconnectWindow, attempt: number, random: number): number {
  const first = Math.max(minimumMs, 1000);
  const end = Math.max(minimumMs, Math.min(maximumMs, first * 2 ** (attempt + 1)));
  return minimumMs + random * (end - minimumMs);
}

/** How much longer delays may become when a server refuses: with the usual window five minutes. */
const REFUSED_FACTOR = 10;

/** The window after a refusal that time does not mend: a person has to act, and who asks often is taken for somebody who guesses. */
export function patientWindow({ minimumMs, maximumMs }: ReconnectWindow): ReconnectWindow {
  return { minimumMs, maximumMs: maximumMs * REFUSED_FACTOR };
}
