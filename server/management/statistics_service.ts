/**
 * What was relayed, by interval.
 *
 * @module
 */

import { z } from "zod";
import { formatTimeSpan } from "../../shared/time/duration.ts";
import {
  STATISTICS_INTERVAL_MS,
  type StatisticsInterval,
  TARGET_ORDERS,
  type TargetTotals,
} from "../persistence/mod.ts";
import { textSchema, timeSpanSchema, timestampSchema } from "./input.ts";
import { ManagementError } from "./management_error.ts";
import { RecentResults } from "./recent_results.ts";
import type { Store } from "./store.ts";
import { requireTenant } from "./tenant_service.ts";

const HOUR_MS = 3_600_000;
const DEFAULT_SPAN_MS = 24 * HOUR_MS;
const MAX_INTERVALS = 2_000;
/** Sums over all tenants read very many rows, which change once a minute, and may be asked for by every page that is open. */
const SUMS_MAX_AGE_MS = 10_000;

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
  target: textSchema(1_000).optional().meta({
    description: "Of this target, without regard to case; all unless given.",
  }),
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

/** The query parameters that choose targets. */
export const targetFilterFields = {
  from: statisticsFilterFields.from,
  to: statisticsFilterFields.to,
  order: z.enum(TARGET_ORDERS).optional().meta({ description: "The most first; by requests unless given." }),
};

const targetFilterSchema = z.object(targetFilterFields);

/** Which targets to find. */
export type TargetFilterInput = z.output<typeof targetFilterSchema>;

/** What was relayed to a target, as it is shown. */
export const targetTotalsSchema = statisticsIntervalSchema.omit({ start: true }).extend({
  tenantId: z.guid(),
  tenantName: z.string().nullable().meta({ description: "Null when the tenant is gone." }),
  target: z.string(),
}).meta({ id: "TargetTotals" });

/** What was relayed to a target, as it is shown. */
export type TargetTotalsDocument = z.output<typeof targetTotalsSchema>;

/** Reads statistics. */
export class StatisticsService {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #intervals: RecentResults<StatisticsInterval[]>;
  readonly #targets: RecentResults<TargetTotals[]>;

  /** @param parts `now` is the time in milliseconds since 1970. */
  constructor({ store, now }: { readonly store: Store; readonly now: () => number }) {
    this.#store = store;
    this.#now = now;
    this.#intervals = new RecentResults({ maxAgeMs: SUMS_MAX_AGE_MS, now });
    this.#targets = new RecentResults({ maxAgeMs: SUMS_MAX_AGE_MS, now });
  }

  /**
   * What was relayed for a tenant, or for all, which may be some seconds old. Intervals begin at multiples of the resolution since 1970, UTC; the
   * first contains `from`.
   *
   * @throws {ManagementError} `tenant_unknown`; `invalid_request` when there would be too many intervals, or `from` is not before `to`.
   */
  async find(tenantName: string | undefined, input: StatisticsFilterInput): Promise<StatisticsDocument> {
    const tenant = tenantName === undefined ? undefined : await requireTenant(this.#store, tenantName);
    const { resolution: resolutionMs = HOUR_MS, target } = input;
    const { fromMs: askedFromMs, toMs } = this.#span(input);
    const fromMs = Math.floor(askedFromMs / resolutionMs) * resolutionMs;
    checkSpan({ fromMs, toMs, resolutionMs });
    const options = {
      ...(tenant === undefined ? {} : { tenantId: tenant.id }),
      ...(target === undefined ? {} : { target }),
      ...inWholeMinutes({ fromMs, toMs }),
      resolutionMs,
    };
    const find = () => this.#store.statistics.find(options);
    const intervals = await (tenant === undefined ? this.#intervals.get(JSON.stringify(options), find) : find());
    return {
      from: new Date(fromMs).toISOString(),
      to: new Date(toMs).toISOString(),
      resolution: formatTimeSpan(resolutionMs),
      results: intervals.map(toIntervalDocument),
    };
  }

  /**
   * The targets with the most requests, the most errors or the longest durations, of a tenant, or of all, which may be some seconds old.
   *
   * @throws {ManagementError} `tenant_unknown`.
   */
  async findTargets(
    tenantName: string | undefined,
    { take, ...input }: TargetFilterInput & { readonly take: number },
  ): Promise<TargetTotalsDocument[]> {
    const tenantId = tenantName === undefined ? undefined : (await requireTenant(this.#store, tenantName)).id;
    const order = input.order ?? "requests";
    const options = { ...inWholeMinutes(this.#span(input)), tenantId, order, take };
    const find = () => this.#store.statistics.findTargets(options);
    const targets = await (tenantId === undefined ? this.#targets.get(JSON.stringify(options), find) : find());
    return targets.map(toTargetDocument);
  }

  #span({ from, to }: Pick<StatisticsFilterInput, "from" | "to">): { fromMs: number; toMs: number } {
    const toMs = to ?? this.#now();
    return { fromMs: from ?? toMs - DEFAULT_SPAN_MS, toMs };
  }
}

/** The same intervals as between these moments: all begin at a minute. So whoever asks within a minute asks for the same. */
function inWholeMinutes({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }) {
  const upwards = (timeMs: number) => Math.ceil(timeMs / STATISTICS_INTERVAL_MS) * STATISTICS_INTERVAL_MS;
  return { fromMs: upwards(fromMs), toMs: upwards(toMs) };
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
    averageDurationMs: averageOf(durationMsSum, totals.requests),
    maximumDurationMs: durationMsMax,
  };
}

function toTargetDocument({ durationMsSum, durationMsMax, ...totals }: TargetTotals): TargetTotalsDocument {
  return {
    ...totals,
    averageDurationMs: averageOf(durationMsSum, totals.requests),
    maximumDurationMs: durationMsMax,
  };
}

function averageOf(sum: number, count: number): number {
  return count === 0 ? 0 : sum / count;
}
