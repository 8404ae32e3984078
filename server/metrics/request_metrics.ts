/**
 * Metrics of relayed requests, by tenant and target.
 *
 * @module
 */

import { Counter, type Registry } from "prom-client";
import type { RelayedRequest, RelayObserver } from "../relay/observer.ts";
import { isTargetCredible, OTHER } from "../statistics/mod.ts";
import { Busiest } from "./busiest.ts";
import { CollectedHistogram } from "./collected_histogram.ts";
import { DURATION_BOUNDS, RequestCounts } from "./request_counts.ts";

/** How often places may be given to busier tenants and targets, in milliseconds. */
const REBALANCE_MS = 60_000;

/** How many tenants and targets have series of their own. */
export interface SeriesLimits {
  readonly tenants: number;
  readonly targetsPerTenant: number;
}

/** The series of one tenant, or of all that have none of their own. */
interface TenantSeries {
  readonly label: string;
  readonly targets: Busiest<RequestCounts>;
}

type Labels = Readonly<Record<string, string>>;

/** Counts relayed requests. Numbers become metrics only when somebody reads them. */
export class RequestMetrics implements RelayObserver {
  readonly #tenants: Busiest<TenantSeries>;
  #rebalancedMs = performance.now();

  constructor(registry: Registry, limits: SeriesLimits) {
    this.#tenants = new Busiest({
      places: limits.tenants,
      otherLabel: OTHER,
      create: (label) => ({
        label,
        targets: new Busiest({
          places: label === OTHER ? 0 : limits.targetsPerTenant,
          otherLabel: OTHER,
          create: (target) => new RequestCounts({ tenant: label, target }),
        }),
      }),
    });
    this.#register([registry]);
  }

  requestEnded(request: RelayedRequest): void {
    const { tenantId, tenant, target } = request;
    if (tenantId === undefined) return this.#tenants.other.targets.other.add(request);
    const { targets } = this.#tenants.use(tenant, tenant);
    if (!isTargetCredible(request)) return targets.other.add(request);
    // Names are matched without regard to case, and so they are counted.
    const name = target.toLowerCase();
    targets.use(name, name).add(request);
  }

  /** The label of a tenant, for metrics of other things. */
  tenantLabel(tenantName: string): string {
    return this.#tenants.look(tenantName, tenantName).label;
  }

  /** Lets busier tenants and targets have places. To be called after the metrics were read, so that nothing counted goes unread. */
  rebalance(): void {
    const nowMs = performance.now();
    if (nowMs - this.#rebalancedMs < REBALANCE_MS) return;
    this.#rebalancedMs = nowMs;
    for (const { targets } of this.#tenants.values()) targets.rebalance();
    this.#tenants.rebalance();
  }

  #register(registers: Registry[]): void {
    this.#counter("relay_requests_total", {
      help: "Relayed requests by how they ended; status is the class of what the client got",
      labelNames: ["outcome", "status"],
      registers,
      values: function* (counts) {
        for (const { outcome, status, count } of counts.ends()) yield [{ outcome, status }, count];
      },
    });
    this.#counter("relay_request_errors_total", {
      help: "Relayed requests that the relay itself answered or broke off, by error code",
      labelNames: ["code"],
      registers,
      values: function* ({ errors }) {
        for (const [code, count] of errors) yield [{ code }, count];
      },
    });
    this.#counter("relay_request_body_bytes_total", {
      help: "Bytes of request bodies as they came from clients",
      registers,
      values: ({ requestBytes }) => [[{}, requestBytes]],
    });
    this.#counter("relay_response_body_bytes_total", {
      help: "Bytes of response bodies as they went to clients",
      registers,
      values: ({ responseBytes }) => [[{}, responseBytes]],
    });
    new CollectedHistogram({
      name: "relay_request_duration_seconds",
      help: "Time from a request's head to the last byte of its response",
      labelNames: ["tenant", "target"],
      buckets: DURATION_BOUNDS,
      registers,
      series: () =>
        this.#series().map(({ labels, durations, durationMsSum }) => ({
          labels,
          counts: durations,
          sum: durationMsSum / 1_000,
        })),
    });
  }

  #counter(name: string, options: {
    readonly help: string;
    readonly labelNames?: readonly string[];
    readonly registers: Registry[];
    readonly values: (counts: RequestCounts) => Iterable<readonly [Labels, number]>;
  }): void {
    const { help, labelNames = [], registers, values } = options;
    const series = () => this.#series();
    new Counter({
      name,
      help,
      labelNames: ["tenant", "target", ...labelNames],
      registers,
      collect() {
        this.reset();
        for (const counts of series()) {
          for (const [further, value] of values(counts)) this.inc({ ...counts.labels, ...further }, value);
        }
      },
    });
  }

  #series(): RequestCounts[] {
    return [...this.#tenants.values()].flatMap(({ targets }) =>
      [...targets.values()].filter(({ isEmpty }) => !isEmpty)
    );
  }
}
