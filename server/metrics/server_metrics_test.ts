import assert from "node:assert/strict";
import type { RelayedRequest } from "../relay/observer.ts";
import { relayedRequest } from "../statistics/testing.ts";
import { ServerMetrics } from "./server_metrics.ts";
import { idleSources, parseMetrics, valueOf } from "./testing.ts";

const OPTIONS = { version: "1.2.3", tenants: 2, targetsPerTenant: 2 };

/** What the metrics say after these requests. */
async function after(...requests: Partial<RelayedRequest>[]): Promise<string> {
  using metrics = new ServerMetrics(idleSources(), OPTIONS);
  for (const request of requests) metrics.requests.requestEnded(relayedRequest(request));
  return await metrics.read();
}

Deno.test("ServerMetrics count requests by tenant, target, outcome and class of status", async () => {
  const text = await after(
    {},
    { status: 404 },
    { status: 201, target: "ERP" },
    { status: 502, outcome: "failed", errorCode: "connector_lost" },
  );
  const labels = { tenant: "Site", target: "erp" };
  assert.equal(valueOf(text, "relay_requests_total", { ...labels, outcome: "succeeded", status: "2xx" }), 2);
  assert.equal(valueOf(text, "relay_requests_total", { ...labels, outcome: "succeeded", status: "4xx" }), 1);
  assert.equal(valueOf(text, "relay_requests_total", { ...labels, outcome: "failed", status: "5xx" }), 1);
  assert.equal(valueOf(text, "relay_request_errors_total", { ...labels, code: "connector_lost" }), 1);
  assert.equal(valueOf(text, "relay_request_body_bytes_total", labels), 40);
  assert.equal(valueOf(text, "relay_response_body_bytes_total", labels), 88);
});

Deno.test("ServerMetrics write durations as a cumulative histogram in seconds", async () => {
  const text = await after({ durationMs: 1 }, { durationMs: 3 }, { durationMs: 4 }, { durationMs: 90_000 });
  const bucket = (le: string) => valueOf(text, "relay_request_duration_seconds_bucket", { le });
  assert.deepEqual(["0.001", "0.0025", "0.005", "60", "+Inf"].map(bucket), [1, 1, 3, 3, 4]);
  assert.equal(valueOf(text, "relay_request_duration_seconds_count"), 4);
  assert.equal(valueOf(text, "relay_request_duration_seconds_sum"), 90.008);
});

Deno.test("ServerMetrics have a limited number of series, whatever names clients make up", async () => {
  const requests = Array.from({ length: 400 }, (_, index) => ({
    tenantId: `${index % 20}`,
    tenant: `tenant-${index % 20}`,
    target: `target-${index}`,
  }));
  const text = await after(...requests);
  const pairs = parseMetrics(text).filter(({ name }) => name === "relay_requests_total").map(({ labels, value }) =>
    [labels.tenant, labels.target, value] as const
  );
  assert.ok(pairs.length <= 2 * 3 + 1, `${pairs.length} series`);
  assert.equal(pairs.reduce((sum, [, , value]) => sum + value, 0), 400);
  assert.deepEqual(pairs.at(-1), ["_other", "_other", 360]);
});

Deno.test("ServerMetrics give no series to what does not exist", async () => {
  const refused = { connectionId: undefined, outcome: "failed", status: 404 } as const;
  const text = await after(
    { ...refused, tenantId: undefined, tenant: "made-up", errorCode: "tenant_unknown" },
    { ...refused, target: "made-up", errorCode: "target_unknown" },
  );
  assert.doesNotMatch(text, /made-up/);
  assert.equal(valueOf(text, "relay_request_errors_total", { tenant: "_other", code: "tenant_unknown" }), 1);
  assert.equal(valueOf(text, "relay_request_errors_total", { tenant: "Site", target: "_other" }), 1);
});

Deno.test("ServerMetrics write no sample twice, also for a tenant that was made anew or is called like the others", async () => {
  const text = await after({ tenantId: "1" }, { tenantId: "2" }, { tenant: "_other" }, { target: "_other" });
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.slice(0, line.lastIndexOf(" ")));
  assert.equal(new Set(samples).size, samples.length);
  assert.equal(valueOf(text, "relay_requests_total", { tenant: "Site", target: "erp" }), 2);
});

Deno.test("ServerMetrics escape what a label cannot carry", async () => {
  const text = await after({ target: 'a"b\\c\nd' });
  assert.match(text, /relay_requests_total\{tenant="Site",target="a\\"b\\\\c\\nd",/);
  parseMetrics(text);
});

Deno.test("ServerMetrics say how the server is when they are read", async () => {
  using metrics = new ServerMetrics(
    idleSources({
      isReady: () => false,
      isDatabaseUp: () => false,
      requestsInFlight: () => 3,
      requestsWaiting: () => 4,
      connections: () => [
        { tenantName: "a", inFlight: 1 },
        { tenantName: "b", inFlight: 0 },
        { tenantName: "a", inFlight: 2 },
        { tenantName: "c", inFlight: 5 },
        { tenantName: "d", inFlight: 6 },
      ],
      requestLog: () => ({ buffered: 5, written: 6, dropped: 7 }),
      droppedStatistics: () => 8,
      shedConnections: () => 9,
      webhooks: () => [{ name: "crm", queued: 1, delivered: 2, failed: 3, dropped: 4 }],
      maintenance: () => [
        { name: "sessions", succeeded: 1, failed: 2, removed: 3, succeededAtMs: 4_000 },
        { name: "audit", succeeded: 0, failed: 0, removed: 0, succeededAtMs: undefined },
      ],
    }),
    OPTIONS,
  );
  const text = await metrics.read();
  const expected: [string, Record<string, string>, number | undefined][] = [
    ["relay_ready", {}, 0],
    ["relay_database_up", {}, 0],
    ["relay_requests_in_flight", {}, 3],
    ["relay_requests_waiting", {}, 4],
    ["relay_connections", { tenant: "a" }, 2],
    ["relay_connections", { tenant: "_other" }, 2],
    ["relay_connections_shed_total", {}, 9],
    ["relay_connection_requests_in_flight", { tenant: "a" }, 3],
    ["relay_connection_requests_in_flight", { tenant: "_other" }, 11],
    ["relay_request_log_buffered_rows", {}, 5],
    ["relay_request_log_rows_total", {}, 6],
    ["relay_request_log_dropped_rows_total", {}, 7],
    ["relay_statistics_dropped_rows_total", {}, 8],
    ["relay_webhook_queued_events", { webhook: "crm" }, 1],
    ["relay_webhook_delivered_events_total", { webhook: "crm" }, 2],
    ["relay_webhook_failed_attempts_total", { webhook: "crm" }, 3],
    ["relay_webhook_dropped_events_total", { webhook: "crm" }, 4],
    ["relay_maintenance_runs_total", { task: "sessions", result: "success" }, 1],
    ["relay_maintenance_runs_total", { task: "sessions", result: "failure" }, 2],
    ["relay_maintenance_removed_rows_total", { task: "sessions" }, 3],
    ["relay_maintenance_last_success_timestamp_seconds", { task: "sessions" }, 4],
    ["relay_maintenance_last_success_timestamp_seconds", { task: "audit" }, undefined],
    ["relay_build_info", { version: "1.2.3", deno: Deno.version.deno }, 1],
  ];
  for (const [name, labels, value] of expected) assert.equal(valueOf(text, name, labels), value, name);
});

Deno.test("ServerMetrics have help and a type for every metric, and a name that says its unit", async () => {
  const text = await after({});
  const described = [...text.matchAll(/^# HELP (\S+) \S.*\n# TYPE (\S+) (counter|gauge|histogram)$/gm)];
  assert.ok(described.length > 20);
  for (const [, name, typedName, type] of described) {
    assert.equal(name, typedName);
    assert.match(name!, /^relay_[a-z_]+[a-z]$/);
    assert.equal(type === "counter", name!.endsWith("_total"), name);
  }
});
