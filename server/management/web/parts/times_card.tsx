/**
 * Where the time of a request went, as a bar and in words.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { milliseconds } from "../format.ts";
import { Card } from "./blocks.tsx";

/** The parts of a request's time, in their order; null where it was not measured. */
export interface Times {
  readonly waitMs: number | null;
  readonly tunnelMs: number | null;
  readonly targetMs: number | null;
  readonly bodyMs: number | null;
  /** With connector and target, when no answer came of it. */
  readonly unansweredMs?: number;
  readonly totalMs: number;
}

const PHASES = [
  ["waitMs", "wait", "Until a connection took it"],
  ["tunnelMs", "tunnel", "Between server and connector"],
  ["targetMs", "target", "Target, until the head of its answer"],
  ["bodyMs", "body", "Body of the answer"],
] as const;

const UNANSWERED_PHASES = [
  PHASES[0],
  ["unansweredMs", "target", "Connector and target, without an answer"],
] as const;

/** The card. */
export const TimesCard: FC<{ times: Times }> = ({ times }) => {
  const phases = times.unansweredMs === undefined ? PHASES : UNANSWERED_PHASES;
  let offset = 0;
  const bars = phases.map(([member, name]) => {
    const [x, width] = [offset, times.totalMs === 0 ? 0 : 1_000 * (times[member] ?? 0) / times.totalMs];
    offset += width;
    return <rect class={name} x={x.toFixed(1)} y="0" width={width.toFixed(1)} height="10" />;
  });
  return (
    <Card title="Where the time went">
      <svg class="times-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>
      <dl class="facts">
        {phases.map(([member, , label]) => <Phase label={label} value={times[member]} />)}
        <Phase label="Altogether" value={times.totalMs} />
      </dl>
    </Card>
  );
};

const Phase: FC<{ label: string; value: number | null | undefined }> = ({ label, value }) => (
  <>
    <dt>{label}</dt>
    <dd>{value === null || value === undefined ? "Not measured" : milliseconds(value)}</dd>
  </>
);
