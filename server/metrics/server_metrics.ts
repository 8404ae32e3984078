/**
 * All metrics of a server.
 *
 * @module
 */

import { Counter, Gauge, Registry } from "prom-client";
import { sleep } from "../../shared/time/sleep.ts";
import { EventLoopLag } from "./event_loop_lag.ts";
import { registerProcessMetrics } from "./process_metrics.ts";
import { RequestMetrics, type SeriesLimits } from "./request_metrics.ts";
import type { MetricSources } from "./sources.ts";

type Values = Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;

/** What one metric is. */
interface Description {
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly values: () => Values;
}

/** What {@link ServerMetrics} are made with. */
export interface ServerMetricsOptions extends SeriesLimits {
  readonly version: string;
}

/** Counts and asks, and writes the Prometheus text format. Disposing ends the measuring. */
export class ServerMetrics implements Disposable {
  /** Counts relayed requests. */
  readonly requests: RequestMetrics;
  readonly #registry = new Registry();
  readonly #lag: EventLoopLag;

  constructor(sources: MetricSources, options: ServerMetricsOptions) {
    this.requests = new RequestMetrics(this.#registry, options);
    this.#registerTraffic(sources);
    this.#registerTransport(sources);
    this.#registerStorage(sources);
    this.#registerDatabase(sources);
    this.#registerWebhooks(sources);
    this.#registerMaintenance(sources);
    this.#lag = new EventLoopLag(this.#registry);
    registerProcessMetrics(this.#registry, options);
  }

  /** The media type of what {@linkcode read} gives. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in the Prometheus text format. */
  async read(): Promise<string> {
    const texts: string[] = [];
    for (const { name } of this.#registry.getMetricsAsArray()) {
      texts.push(await this.#registry.getSingleMetricAsString(name));
      // Thousands of series take milliseconds to write: requests get their turn in between.
      await sleep(0);
    }
    this.requests.rebalance();
    return `${texts.join("\n\n")}\n`;
  }

  [Symbol.dispose](): void {
    this.#lag[Symbol.dispose]();
  }

  #registerTraffic(sources: MetricSources): void {
    this.#gauge("relay_ready", "1 when load balancers may send requests", () => Number(sources.isReady()));
    this.#gauge("relay_requests_in_flight", "Requests under way", () => sources.requestsInFlight());
    this.#gauge("relay_requests_waiting", "Requests that wait for a connection", () => sources.requestsWaiting());
    this.#gauges("relay_connections", {
      help: "Connectors that are connected to this origin",
      labelNames: ["tenant"],
      values: () => this.#byTenant(sources, () => 1),
    });
    this.#counter(
      "relay_connections_shed_total",
      "Connections asked to go to other origins, which have far fewer",
      () => sources.shedConnections(),
    );
    this.#gauges("relay_connection_requests_in_flight", {
      help: "Requests under way on connections of this origin",
      labelNames: ["tenant"],
      values: () => this.#byTenant(sources, ({ inFlight }) => inFlight),
    });
  }

  #registerTransport(sources: MetricSources): void {
    this.#gauges("relay_transport_state", {
      help: "1 for the state the server transport is in",
      labelNames: ["state"],
      values: () =>
        ["ready", "blocked", "away"].map((state) => [{ state }, Number(sources.transport().state === state)] as const),
    });
    this.#gauge("relay_transport_peers", "Other origins that are known", () => sources.transport().peers);
    this.#gauge("relay_transport_links", "Ends of links to other origins", () => sources.transport().links);
    this.#gauge(
      "relay_transport_requests_served",
      "Requests of other origins that are served here",
      () => sources.transport().served,
    );
  }

  #registerStorage(sources: MetricSources): void {
    this.#gauge("relay_body_store_up", "1 when the body store takes bodies", () => Number(sources.isBodyStoreUp()));
    this.#gauge(
      "relay_stored_requests",
      "Requests of all origins that are stored until they are settled",
      () => sources.storedRequests().queued,
    );
    this.#gauge(
      "relay_dead_letters",
      "Requests of all origins that were given up",
      () => sources.storedRequests().dead,
    );
    this.#gauge("relay_stored_requests_oldest_seconds", "Age of the oldest stored request, 0 without one", () => {
      const { oldestAt } = sources.storedRequests();
      return oldestAt === undefined ? 0 : Math.max(0, (Date.now() - oldestAt) / 1000);
    });
  }

  #registerDatabase(sources: MetricSources): void {
    this.#gauge("relay_database_up", "1 when the database answers", () => Number(sources.isDatabaseUp()));
    this.#gauge(
      "relay_request_log_buffered_rows",
      "Rows of the request log that wait to be written",
      () => sources.requestLog().buffered,
    );
    this.#counter(
      "relay_request_log_rows_total",
      "Rows written to the request log",
      () => sources.requestLog().written,
    );
    this.#counter(
      "relay_request_log_dropped_rows_total",
      "Rows missing from the request log, because the database was too slow or away",
      () => sources.requestLog().dropped,
    );
    this.#counter(
      "relay_statistics_dropped_rows_total",
      "Rows missing from the statistics, because the database was too slow or away",
      () => sources.droppedStatistics(),
    );
  }

  #registerWebhooks(sources: MetricSources): void {
    const labelNames = ["webhook"];
    const each = (read: (hook: { queued: number; delivered: number; failed: number; dropped: number }) => number) =>
      [...sources.webhooks()].map((hook) => [{ webhook: hook.name }, read(hook)] as const);
    this.#gauges("relay_webhook_queued_events", {
      help: "Events that wait for their delivery",
      labelNames,
      values: () => each(({ queued }) => queued),
    });
    this.#counters("relay_webhook_delivered_events_total", {
      help: "Events that a receiver took",
      labelNames,
      values: () => each(({ delivered }) => delivered),
    });
    this.#counters("relay_webhook_failed_attempts_total", {
      help: "Deliveries that failed, to be tried again or not",
      labelNames,
      values: () => each(({ failed }) => failed),
    });
    this.#counters("relay_webhook_dropped_events_total", {
      help: "Events given up: too many failures, a full queue, or the server stopped",
      labelNames,
      values: () => each(({ dropped }) => dropped),
    });
  }

  /** The label is not called job: that is what Prometheus calls a group of scraped programs. */
  #registerMaintenance(sources: MetricSources): void {
    this.#counters("relay_maintenance_runs_total", {
      help: "Runs of maintenance jobs at this origin",
      labelNames: ["task", "result"],
      values: () =>
        [...sources.maintenance()].flatMap(({ name: task, succeeded, failed }) => [
          [{ task, result: "success" }, succeeded] as const,
          [{ task, result: "failure" }, failed] as const,
        ]),
    });
    this.#counters("relay_maintenance_removed_rows_total", {
      help: "Rows removed by maintenance jobs at this origin",
      labelNames: ["task"],
      values: () => [...sources.maintenance()].map(({ name: task, removed }) => [{ task }, removed] as const),
    });
    this.#gauges("relay_maintenance_last_success_timestamp_seconds", {
      help: "When a maintenance job last succeeded at this origin, in seconds since 1970",
      labelNames: ["task"],
      values: () =>
        [...sources.maintenance()].flatMap(({ name: task, succeededAtMs }) =>
          succeededAtMs === undefined ? [] : [[{ task }, succeededAtMs / 1_000] as const]
        ),
    });
  }

  /** Tenants without a label of their own count together. */
  *#byTenant(
    sources: MetricSources,
    read: (connection: { readonly inFlight: number }) => number,
  ): Values {
    const sums = new Map<string, number>();
    for (const connection of sources.connections()) {
      const tenant = this.requests.tenantLabel(connection.tenantName);
      sums.set(tenant, (sums.get(tenant) ?? 0) + read(connection));
    }
    for (const [tenant, sum] of sums) yield [{ tenant }, sum];
  }

  #gauge(name: string, help: string, value: () => number): void {
    this.#gauges(name, { help, values: () => [[{}, value()]] });
  }

  #counter(name: string, help: string, value: () => number): void {
    this.#counters(name, { help, values: () => [[{}, value()]] });
  }

  #gauges(name: string, { help, labelNames = [], values }: Description): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of values()) this.set(labels, value);
      },
    });
  }

  #counters(name: string, { help, labelNames = [], values }: Description): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of values()) this.inc(labels, value);
      },
    });
  }
}
