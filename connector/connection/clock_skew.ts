/**
 * How far this machine's clock is from a server's, which decides whether tokens and certificates are taken for valid.
 *
 * @module
 */

/** Below this nobody notices, in milliseconds: `Date` has whole seconds, and answers take their time. */
const TOLERANCE_MS = 30_000;

/** Remembers the last `Date` of a server. */
export class ClockSkew {
  #skewMs = 0;

  /**
   * Takes the `Date` header of an answer that has just come.
   *
   * @param date The header, `null` when there was none.
   * @param now This machine's time, in milliseconds since 1970.
   */
  observe(date: string | null, now: number): void {
    const theirs = date === null ? NaN : Date.parse(date);
    if (!Number.isNaN(theirs)) this.#skewMs = now - theirs;
  }

  /** Forgets what was seen. */
  reset(): void {
    this.#skewMs = 0;
  }

  /** In words, or `undefined` when the clocks agree: "this machine's clock is 5 minutes behind the server's". */
  describe(): string | undefined {
    const distanceMs = Math.abs(this.#skewMs);
    if (distanceMs <= TOLERANCE_MS) return undefined;
    return `this machine's clock is ${spell(distanceMs)} ${this.#skewMs > 0 ? "ahead of" : "behind"} the server's`;
  }
}

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

function spell(ms: number): string {
  const [name, unitMs] = UNITS.find(([, unitMs]) => ms >= 2 * unitMs) ?? UNITS.at(-1)!;
  return `${Math.round(ms / unitMs)} ${name}s`;
}
