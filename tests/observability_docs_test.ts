import assert from "node:assert/strict";
import { z } from "zod";
import { createMaintenanceJobs } from "../server/maintenance/mod.ts";
import { ServerMetrics } from "../server/metrics/mod.ts";
import { idleSources } from "../server/metrics/testing.ts";
import { relayedRequest } from "../server/statistics/testing.ts";

/** What one metric is. */
interface Described {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** Every metric there is, with the labels its samples have. */
async function describeMetrics(): Promise<Described[]> {
  using metrics = new ServerMetrics(
    idleSources({
      connections: () => [{ tenantName: "t", inFlight: 1 }],
      webhooks: () => [{ name: "crm", queued: 1, delivered: 1, failed: 1, dropped: 1 }],
      maintenance: () => [{ name: "audit", succeeded: 1, failed: 1, removed: 1, succeededAtMs: 1 }],
    }),
    { version: "1", tenants: 1, targetsPerTenant: 1 },
  );
  metrics.requests.requestEnded(relayedRequest({ outcome: "failed", errorCode: "connector_lost" }));
  const text = await metrics.read();
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => {
    const [, sample = ""] = new RegExp(`^${name}(?:_bucket)?\\{(.*?)\\} `, "m").exec(text) ?? [];
    const labels = [...sample.matchAll(/([a-z]+)="/g)].map(([, label = ""]) => label).filter((label) => label !== "le");
    return { name, type, labels: labels.sort() };
  });
}

async function readDocs(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(`../docs/${path}`, import.meta.url));
}

const gridPos = z.object({ h: z.int().positive(), w: z.int().min(1).max(24), x: z.int().min(0), y: z.int().min(0) });
const datasource = z.object({ type: z.literal("prometheus"), uid: z.literal("${datasource}") });
const panel = z.object({
  id: z.int(),
  title: z.string().min(1),
  type: z.enum(["row", "stat", "timeseries"]),
  gridPos,
  datasource: datasource.optional(),
  fieldConfig: z.object({ defaults: z.object({ unit: z.string() }) }).optional(),
  targets: z.array(z.object({ refId: z.string(), datasource, expr: z.string() })).default([]),
});
const dashboard = z.object({
  uid: z.string(),
  title: z.string(),
  schemaVersion: z.int().min(36),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.string(), definition: z.string().optional() })),
  }),
  annotations: z.object({ list: z.array(z.object({ expr: z.string() })) }),
  panels: z.array(panel),
});

Deno.test("the dashboard reads metrics that exist, by labels that they have", async () => {
  const { panels, templating, annotations } = dashboard.parse(JSON.parse(await readDocs("grafana/relayserver.json")));
  const metrics = new Map((await describeMetrics()).map((metric) => [metric.name, metric]));
  const expressions = [
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...templating.list.flatMap(({ definition = "" }) => definition === "" ? [] : [definition]),
    ...annotations.list.map(({ expr }) => expr),
  ];
  const used = new Set<string>();
  for (const expression of expressions) {
    for (const [, written = "", selector = ""] of expression.matchAll(/\b(relay_[a-z_]+)(?:\{(.*?)\})?/g)) {
      const name = metrics.has(written) ? written : written.replace(/_(?:bucket|sum|count)$/, "");
      const metric = metrics.get(name);
      assert.ok(metric !== undefined, `${written} in ${expression}`);
      used.add(name);
      // What Prometheus itself adds is everywhere.
      for (const [, label = ""] of selector.matchAll(/([a-z_]+)(?==)/g)) {
        assert.ok(["instance", ...metric.labels].includes(label), `${label} of ${name}`);
      }
      for (const [, list = ""] of expression.matchAll(/by \(([a-z_, ]+)\)/g)) {
        for (const label of list.split(", ")) {
          assert.ok(["le", "instance", ...metric.labels].includes(label), `${label} of ${name} in ${expression}`);
        }
      }
    }
  }
  const unused = [...metrics.keys()].filter((name) => !used.has(name));
  assert.deepEqual(unused, ["relay_maintenance_last_success_timestamp_seconds"]);
});

Deno.test("the dashboard is one that Grafana can show: ids differ, panels do not overlap, variables are defined", async () => {
  const text = await readDocs("grafana/relayserver.json");
  const { panels, templating } = dashboard.parse(JSON.parse(text));
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const [index, { gridPos: one, title, type, targets }] of panels.entries()) {
    assert.ok(one.x + one.w <= 24, title);
    assert.equal(type === "row", targets.length === 0, title);
    for (const { gridPos: other, title: otherTitle } of panels.slice(index + 1)) {
      const isApart = one.x + one.w <= other.x || other.x + other.w <= one.x || one.y + one.h <= other.y ||
        other.y + other.h <= one.y;
      assert.ok(isApart, `${title} and ${otherTitle}`);
    }
  }
  const known = new Set([...templating.list.map(({ name }) => name), "__rate_interval", "__all"]);
  for (const [, name = ""] of text.matchAll(/\$\{?(\w+)\}?/g)) assert.ok(known.has(name), name);
});

Deno.test("docs/observability.md has every metric with its type and labels, and no other", async () => {
  const page = await readDocs("observability.md");
  const rows = [...page.matchAll(/^\| `(relay_[a-z_]+)` +\| (counter|gauge|histogram) +\| (.*?) +\|/gm)];
  const documented = rows.map(([, name = "", type = "", labels = ""]) => ({
    name,
    type,
    labels: [...labels.matchAll(/`([a-z]+)`/g)].map(([, label = ""]) => label).sort(),
  }));
  const byName = (one: Described, other: Described) => one.name < other.name ? -1 : 1;
  assert.deepEqual(documented.sort(byName), (await describeMetrics()).sort(byName));
  for (
    const [, name = ""] of (await readDocs("operations.md")).matchAll(/\b(relay_[a-z_]+?)(?:_bucket|_sum|_count)?\b/g)
  ) {
    assert.ok(documented.some((metric) => metric.name === name), name);
  }
});

Deno.test("docs/operations.md has every task of the maintenance, and no other", async () => {
  const prunable = { prune: () => Promise.resolve(0) };
  const jobs = createMaintenanceJobs({
    requests: prunable,
    statistics: { ...prunable, sumUp: prunable.prune },
    audit: prunable,
    recordings: prunable,
    origins: prunable,
    leases: prunable,
    sessions: { pruneExpired: () => Promise.resolve(0) },
    signingKeys: { rotateIfDue: () => Promise.resolve() },
    bodies: { removeOrphans: () => Promise.resolve(0) },
  }, { retention: { requestMaxAgeMs: 1, auditMaxAgeMs: 1, recordingMaxAgeMs: 1, originMaxAgeMs: 1 }, now: Date.now });
  const [, section = ""] = (await readDocs("operations.md")).split("\n## Maintenance\n");
  const rows = [...section.split("\n## ")[0]!.matchAll(/^\| `([a-z_]+)`/gm)].map(([, name]) => name);
  assert.deepEqual(rows.sort(), jobs.map(({ name }) => name).sort());
});
