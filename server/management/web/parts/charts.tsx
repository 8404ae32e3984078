/**
 * Places in which a script draws charts, and the choice of their range.
 *
 * @module
 */

import type { FC } from "hono/jsx";

const MINUTE_MS = 60_000;

/** What a chart can show: its words, its length and that of its steps, in milliseconds. */
export interface ChartRange {
  readonly key: string;
  readonly label: string;
  /** What follows "last". */
  readonly last: string;
  readonly spanMs: number;
  readonly stepMs: number;
}

/** From minutes to a month, each with some hundred steps at most. */
export const CHART_RANGES: readonly ChartRange[] = [
  { key: "1h", label: "1 hour", last: "hour", spanMs: 60 * MINUTE_MS, stepMs: MINUTE_MS },
  { key: "15m", label: "15 minutes", last: "15 minutes", spanMs: 15 * MINUTE_MS, stepMs: MINUTE_MS },
  { key: "6h", label: "6 hours", last: "6 hours", spanMs: 360 * MINUTE_MS, stepMs: 5 * MINUTE_MS },
  { key: "1d", label: "1 day", last: "day", spanMs: 1_440 * MINUTE_MS, stepMs: 15 * MINUTE_MS },
  { key: "7d", label: "7 days", last: "7 days", spanMs: 7 * 1_440 * MINUTE_MS, stepMs: 60 * MINUTE_MS },
  { key: "30d", label: "30 days", last: "30 days", spanMs: 30 * 1_440 * MINUTE_MS, stepMs: 360 * MINUTE_MS },
];

const STEPS_MS = [1, 5, 15, 60, 360, 1_440].map((minutes) => minutes * MINUTE_MS);
const MOST_STEPS = 1_500;
const FEWEST_STEPS = 5;

/** The range and the length of steps that a query asks for. */
export function chartRange(range: string | undefined, step?: string): ChartRange {
  const found = CHART_RANGES.find(({ key }) => key === range) ?? CHART_RANGES[0]!;
  const stepMs = stepsOf(found).find((candidate) => String(candidate / MINUTE_MS) === step) ?? found.stepMs;
  return { ...found, stepMs };
}

function stepsOf({ spanMs }: ChartRange): number[] {
  return STEPS_MS.filter((stepMs) => spanMs / stepMs <= MOST_STEPS && spanMs / stepMs >= FEWEST_STEPS);
}

function stepName(stepMs: number): string {
  const minutes = stepMs / MINUTE_MS;
  return minutes < 60 ? `${minutes} min` : minutes < 1_440 ? `${minutes / 60} h` : `${minutes / 1_440} d`;
}

/** Links that choose the range. */
export const RangeLinks: FC<{ range: ChartRange; path: string }> = ({ range, path }) => {
  const sorted = [...CHART_RANGES].sort((a, b) => a.spanMs - b.spanMs);
  return (
    <nav class="actions" aria-label="Range of the charts">
      <span class="segments">
        {sorted.map(({ key, label }) => (
          <a href={`${path}?range=${key}#charts`} aria-current={key === range.key ? "true" : undefined}>{label}</a>
        ))}
      </span>
      <span class="segments">
        {stepsOf(range).map((stepMs) => (
          <a
            href={`${path}?range=${range.key}&step=${stepMs / MINUTE_MS}#charts`}
            aria-current={stepMs === range.stepMs ? "true" : undefined}
            title={`One point for every ${stepName(stepMs)}`}
          >
            {stepName(stepMs)}
          </a>
        ))}
      </span>
    </nav>
  );
};

const CHARTS = [
  ["requests", "Requests and errors"],
  ["durations", "Duration"],
  ["bytes", "Traffic"],
] as const;

/** The charts. Without scripts there are the numbers above and the tables below. */
export const Charts: FC<{ range: ChartRange; url: string }> = ({ range, url }) => (
  <>
    {CHARTS.map(([kind, title]) => (
      <figure
        class="card chart"
        data-chart={kind}
        data-url={url}
        data-span={range.spanMs}
        data-step={range.stepMs}
      >
        <figcaption>{title}</figcaption>
        <div data-plot>
          <p>Loading</p>
        </div>
      </figure>
    ))}
  </>
);
