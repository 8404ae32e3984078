/**
 * What was relayed, by interval.
 *
 * @module
 */

import { z } from "zod";
import { formatTimeSpan } from "../../shared/time/duration.ts";
import { STATISTICS_INTERVAL_MS, type StatisticsInterval } from "../persistence/mod.ts";
import { textSchema, timeSpanSchema, timestampSchema } from "./input.ts";
import { ManagementError } from "./management_error.ts";
import type { Store } from "./store.ts";
import { requireTenant } from "./tenant_service.ts";

const HOUR_MS = 3_600_000;
const DEFAULT_SPAN_MS = 24 * HOUR_MS;
const MAX_INTERVALS = 2_000;

/** The query parameters that choose statistics. */
export const statisticsFilterFields = {
  from: timestampSchema.optional().meta({ description: "A day before `to` unless given." }),
  to: timestampSchema.optional().meta({ description: "Now unless given." }),
  resolution: timeSpanSchema(STATISTICS_INTERVAL_MS).refine(
    (milliseconds) => milliseconds % STATISTICS_INTERVAL_MS === 0,
    "Expected whole minutes",
  ).optional().meta({
    description: "Length of the intervals in whole minutes, for example 00:05:00 or 1.00:00:00; an hour unless given.",
    example: "01:00:00",
  }),
  target: textSchema(1_000).optional().meta({ description: "Of this target; all unless given." }),
};

const statisticsFilterSchema = z.object(statisticsFilterFields);

/** Which statistics to find. */
export type StatisticsFilterInput = z.output<typeof statisticsFilterSchema>;

/** What was relayed in an interval, as it is shown. */
export const statisticsIntervalSchema = z.object({
  start: z.iso.datetime(),
  requests: z.int(),
  errors: z.int().meta({ description: "Requests that failed or errored." }),
  expired: z.int(),
  aborted: z.int(),
  requestBytes: z.int().meta({ description: "Bodies of requests as they came from clients." }),
  responseBytes: z.int().meta({ description: "Bodies of responses as they went to clients." }),
  averageDurationMs: z.number(),
  maximumDurationMs: z.number(),
}).meta({ id: "StatisticsInterval" });

/** Statistics as they are shown. */
export const statisticsDocumentSchema = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  resolution: z.string(),
  results: z.array(statisticsIntervalSchema).meta({ description: "Oldest first, without those in which nothing was." }),
}).meta({ id: "Statistics" });

/** Statistics as they are shown. */
export type StatisticsDocument = z.output<typeof statisticsDocumentSchema>;

/** Reads statistics. */
export class StatisticsService {
  readonly #store: Store;
  readonly #now: () => number;

  /** @param parts `now` is the time in milliseconds since 1970. */
  constructor({ store, now }: { readonly store: Store; readonly now: () => number }) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * What was relayed for a tenant. Intervals begin at multiples of the resolution since 1970, UTC; the first contains `from`.
   *
   * @throws {ManagementError} `tenant_unknown`; `invalid_request` when there would be too many intervals, or `from` is not before `to`.
   */
  async find(tenantName: string, input: StatisticsFilterInput): Promise<StatisticsDocument> {
    const tenant = await requireTenant(this.#store, tenantName);
    const { resolution: resolutionMs = HOUR_MS, target } = input;
    const toMs = input.to ?? this.#now();
    const fromMs = Math.floor((input.from ?? toMs - DEFAULT_SPAN_MS) / resolutionMs) * resolutionMs;
    checkSpan({ fromMs, toMs, resolutionMs });
    const intervals = await this.#store.statistics.find({
      tenantId: tenant.id,
      ...(target === undefined ? {} : { target }),
      fromMs,
      toMs,
      resolutionMs,
    });
    return {
      from: new Date(fromMs).toISOString(),
      to: new Date(toMs).toISOString(),
      resolution: formatTimeSpan(resolutionMs),
      results: intervals.map(toIntervalDocument),
    };
  }
}

function checkSpan(
  { fromMs, toMs, resolutionMs }: { readonly fromMs: number; readonly toMs: number; readonly resolutionMs: number },
): void {
  const fault = fromMs >= toMs
    ? { path: "from", message: "Must be before to" }
    : (toMs - fromMs) / resolutionMs > MAX_INTERVALS
    ? { path: "resolution", message: `Makes more than ${MAX_INTERVALS} intervals of this time` }
    : undefined;
  if (fault === undefined) return;
  throw new ManagementError("invalid_request", "Cannot read statistics: the times do not fit together", {
    problems: [{ in: "query", ...fault }],
  });
}

function toIntervalDocument({ intervalStart, durationMsSum, durationMsMax, ...totals }: StatisticsInterval) {
  return {
    ...totals,
    start: new Date(intervalStart).toISOString(),
    averageDurationMs: totals.requests === 0 ? 0 : durationMsSum / totals.requests,
    maximumDurationMs: durationMsMax,
  };
}
