/**
 * What was relayed in one minute.
 *
 * @module
 */

import type { StatisticsEntry } from "../persistence/mod.ts";
import type { RelayedRequest } from "../relay/observer.ts";
import { isTargetCredible, OTHER } from "./named_target.ts";

/** Targets of a tenant with an entry of their own. */
const MAX_TARGETS = 100;
/** Entries of a minute; beyond it every tenant has one more at most. */
const MAX_ENTRIES = 20_000;

/** A {@link StatisticsEntry} that grows. */
type GrowingEntry = { -readonly [Key in keyof StatisticsEntry]: StatisticsEntry[Key] };

/** Sums up by tenant and target. */
export class MinuteTotals {
  readonly #startMs: number;
  readonly #byTenant = new Map<string, Map<string, GrowingEntry>>();
  #size = 0;

  /** @param startMs Start of the minute, in milliseconds since 1970. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** Counts a request. */
  add(tenantId: string, request: RelayedRequest): void {
    const entry = this.#entryOf(tenantId, request);
    const { outcome, durationMs } = request;
    entry.requests++;
    if (outcome === "failed" || outcome === "errored") entry.errors++;
    else if (outcome === "expired") entry.expired++;
    else if (outcome === "aborted") entry.aborted++;
    entry.requestBytes += request.requestBytes;
    entry.responseBytes += request.relayedResponseBytes;
    entry.durationMsSum += durationMs;
    if (durationMs > entry.durationMsMax) entry.durationMsMax = durationMs;
  }

  /** All sums so far. */
  entries(): StatisticsEntry[] {
    return [...this.#byTenant.values()].flatMap((targets) => [...targets.values()]);
  }

  #entryOf(tenantId: string, request: RelayedRequest): GrowingEntry {
    let targets = this.#byTenant.get(tenantId);
    if (targets === undefined) this.#byTenant.set(tenantId, targets = new Map());
    // Names are matched without regard to case, and so they are counted.
    const name = request.target.toLowerCase();
    return targets.get(name) ?? this.#addEntry(targets, tenantId, this.#hasRoom(targets, request) ? name : OTHER);
  }

  #hasRoom(targets: ReadonlyMap<string, unknown>, request: RelayedRequest): boolean {
    return isTargetCredible(request) && targets.size < MAX_TARGETS && this.#size < MAX_ENTRIES;
  }

  #addEntry(targets: Map<string, GrowingEntry>, tenantId: string, target: string): GrowingEntry {
    const known = targets.get(target);
    if (known !== undefined) return known;
    const entry = emptyEntry({ tenantId, target, intervalStart: this.#startMs });
    targets.set(target, entry);
    this.#size++;
    return entry;
  }
}

function emptyEntry(key: Pick<StatisticsEntry, "tenantId" | "target" | "intervalStart">): GrowingEntry {
  return {
    ...key,
    requests: 0,
    errors: 0,
    expired: 0,
    aborted: 0,
    requestBytes: 0,
    responseBytes: 0,
    durationMsSum: 0,
    durationMsMax: 0,
  };
}
