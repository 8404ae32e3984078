/**
 * A histogram whose values are counted elsewhere.
 *
 * @module
 */

import { Histogram, type Registry } from "prom-client";

/** One series of a histogram. */
export interface HistogramSeries {
  /** The same object at every reading: prom-client remembers its text form. */
  readonly labels: Readonly<Record<string, string>>;
  /** Counts by bucket, not cumulative; the last bucket has no bound. */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/** What a {@link CollectedHistogram} is made with. */
export interface CollectedHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly registers: Registry[];
  /** Gives the series when the metric is read. */
  readonly series: () => Iterable<HistogramSeries>;
}

interface HistogramValue {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Further labels. */
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A histogram of prom-client that asks for its values when it is read. */
export class CollectedHistogram extends Histogram<string> {
  readonly #options: CollectedHistogramOptions;
  /** Labels of the buckets. */
  readonly #bounds: readonly Readonly<Record<string, string>>[];

  constructor(options: CollectedHistogramOptions) {
    const { name, help, labelNames, buckets, registers } = options;
    super({ name, help, labelNames, buckets: [...buckets], registers });
    this.#options = options;
    this.#bounds = [...buckets.map(String), "+Inf"].map((le) => ({ le }));
  }

  /** What the registry calls to write it. */
  getForPromString() {
    const { name, help } = this.#options;
    return Promise.resolve({ name, help, type: "histogram", aggregator: "sum", values: [...this.#values()] });
  }

  *#values(): Iterable<HistogramValue> {
    const { name, series } = this.#options;
    for (const { labels: sharedLabels, counts, sum } of series()) {
      let total = 0;
      for (const [index, labels] of this.#bounds.entries()) {
        total += counts[index]!;
        yield { metricName: `${name}_bucket`, labels, sharedLabels, value: total };
      }
      yield { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sum };
      yield { metricName: `${name}_count`, labels: {}, sharedLabels, value: total };
    }
  }
}
