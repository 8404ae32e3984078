/**
 * What a run found, value by value.
 *
 * @module
 */

/** One series: what was measured of whom, one value a round. */
export interface Series {
  readonly suite: string;
  readonly peer: string;
  /** The load, such as `32 clients`. */
  readonly load: string;
  /** What is counted, with its unit, such as `p50 µs`; what stands after `: ` is a part of the whole, such as a process. */
  readonly metric: string;
  readonly values: number[];
}

/** Names a series. */
export type SeriesKey = Omit<Series, "values">;

/** Who could not be measured, and why. */
export interface Missing {
  readonly suite: string;
  readonly peer: string;
  readonly reason: string;
}

/** Collects values in the order in which they are measured. */
export class Measurements {
  readonly series: Series[] = [];
  readonly missing: Missing[] = [];

  /** Adds the value of one round. */
  add(key: SeriesKey, value: number): void {
    let series = this.find(key);
    if (series === undefined) this.series.push(series = { ...key, values: [] });
    series.values.push(value);
  }

  /** Finds a series, if there is one. */
  find(key: SeriesKey): Series | undefined {
    return this.series.find((series) =>
      series.suite === key.suite && series.peer === key.peer && series.load === key.load && series.metric === key.metric
    );
  }
}

/** The middle value; of an even number of values the mean of the two in the middle. `NaN` of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}
