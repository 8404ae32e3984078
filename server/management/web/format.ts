/**
 * Numbers, sizes and times for people.
 *
 * @module
 */

const SIZE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
const integers = new Intl.NumberFormat("en");

/** `12,345`. */
export function count(value: number): string {
  return integers.format(value);
}

/** `1 tenant`, `2 tenants`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** `12 KiB`. */
export function bytes(value: number): string {
  let amount = value;
  let unit = 0;
  while (amount >= 1024 && unit < SIZE_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${amount.toFixed(digits)} ${SIZE_UNITS[unit]}`;
}

/** `12 ms`, `3.4 s`, `5 min`. */
export function milliseconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1_000) return `${Math.round(value)} ms`;
  if (value < 60_000) return `${(value / 1_000).toFixed(value < 10_000 ? 2 : 1)} s`;
  return `${Math.round(value / 60_000)} min`;
}

/** `0.5 %`. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "0 %";
  const value = 100 * part / whole;
  return `${value > 0 && value < 0.1 ? "< 0.1" : value.toFixed(value < 10 ? 1 : 0)} %`;
}

/** `2026-11-23 12:34:56`, in UTC. */
export function utc(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 19).replace("T", " ");
}

/** `3 minutes ago`, `in 2 days`. */
export function relative(timeMs: number, nowMs: number): string {
  const seconds = Math.round((timeMs - nowMs) / 1_000);
  const [amount, unit] = inUnits(Math.abs(seconds));
  if (unit === "second" && amount < 5) return "just now";
  const text = counted(amount, unit);
  return seconds > 0 ? `in ${text}` : `${text} ago`;
}

function inUnits(seconds: number): [amount: number, unit: string] {
  if (seconds < 60) return [seconds, "second"];
  if (seconds < 3_600) return [Math.round(seconds / 60), "minute"];
  if (seconds < 172_800) return [Math.round(seconds / 3_600), "hour"];
  return [Math.round(seconds / 86_400), "day"];
}
