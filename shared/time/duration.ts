/**
 * Time spans as text: the forms that configuration accepts, and the `hh:mm:ss` form that the HTTP interface speaks.
 *
 * @module
 */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const WITH_UNIT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const TIME_SPAN = /^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?$/;

/** The forms {@link parseDuration} reads, for messages to people. */
export const DURATION_FORMS = '"500ms", "15s", "2m", "1h", "30d", "hh:mm:ss" or "d.hh:mm:ss"';

/**
 * Reads a time span.
 *
 * @param text A number with a unit (`500ms`, `15s`, `2m`, `1h`, `30d`; decimals are allowed) or `[d.]hh:mm:ss[.fff]`.
 * @returns Milliseconds, a whole number of at least 0.
 * @throws {RangeError} When the text is neither; the message does not repeat it.
 */
export function parseDuration(text: string): number {
  const milliseconds = withUnit(text) ?? timeSpan(text);
  if (milliseconds === undefined || !Number.isSafeInteger(milliseconds)) {
    throw new RangeError(`Cannot parse duration: expected ${DURATION_FORMS}`);
  }
  return milliseconds;
}

function withUnit(text: string): number | undefined {
  const [, amount, unit] = WITH_UNIT.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  return Math.round(Number(amount) * UNIT_MS[unit]!);
}

function timeSpan(text: string): number | undefined {
  const [, days = "0", hours, minutes, seconds, fraction = "0"] = TIME_SPAN.exec(text) ?? [];
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const wholeSeconds = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return wholeSeconds * 1_000 + Math.round(Number(`0.${fraction}`) * 1_000);
}

/**
 * Writes a time span the way .NET and RelayServer v3 do, so that existing clients can read it.
 *
 * @param milliseconds At least 0; fractions of a microsecond are rounded.
 * @returns `hh:mm:ss`, with `.fff` only when there are milliseconds, `.ffffff` when there are microseconds, and a leading `d.` from 24 hours on.
 * @throws {RangeError} When the number is negative or not finite.
 */
export function formatTimeSpan(milliseconds: number): string {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) {
    throw new RangeError("Cannot format time span: expected milliseconds of at least 0");
  }
  const microseconds = Math.round(milliseconds * 1_000);
  const wholeMs = Math.floor(microseconds / 1_000);
  const days = Math.floor(wholeMs / UNIT_MS.d!);
  const clock = [
    Math.floor(wholeMs / UNIT_MS.h!) % 24,
    Math.floor(wholeMs / UNIT_MS.m!) % 60,
    Math.floor(wholeMs / UNIT_MS.s!) % 60,
  ].map((part) => String(part).padStart(2, "0")).join(":");
  const fraction = String(microseconds % 1_000_000).padStart(6, "0").replace(/000$/, "");
  return (days > 0 ? `${days}.` : "") + clock + (Number(fraction) > 0 ? `.${fraction}` : "");
}
