/**
 * The example of `docs/examples/hono_target.ts`, both ways its first comment names.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { connectorConfig } from "./testkit/connector.ts";
import { PROJECT_ROOT, startDeno } from "./testkit/process.ts";
import { DataFolder, type ServerProcess, startConnectorProcess, startServerProcess } from "./testkit/programs.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const EXAMPLE = join(PROJECT_ROOT, "docs", "examples", "hono_target.ts");

async function assertServesOrders(server: ServerProcess, tenant: TestTenant): Promise<void> {
  const body = JSON.stringify({ item: "tea" });
  const headers = { "Content-Type": "application/json" };
  const created = await server.relay(tenant, "orders/list", { method: "POST", headers, body });
  assert.equal(created.status, 201, await created.clone().text());
  const order = await created.json();
  assert.deepEqual(await (await server.relay(tenant, "orders/list")).json(), [order]);
  const events = await server.relay(tenant, "orders/count");
  assert.equal(events.headers.get("content-type"), "text/event-stream");
  assert.equal(await events.text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
}

Deno.test("a Hono application is a target as a module of the configuration", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder);
  const tenant = await folder.database.createTenant();
  await using _connector = await startConnectorProcess(server, tenant, {
    folder,
    targets: { orders: { type: EXAMPLE } },
  });
  await assertServesOrders(server, tenant);
});

Deno.test("a Hono application is a target of the connector in its own program", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder);
  const tenant = await folder.database.createTenant();
  const file = join(folder.path, "connector.json");
  await Deno.writeTextFile(file, JSON.stringify(connectorConfig(server, tenant)));
  const permissions = ["--allow-net", "--allow-env", "--allow-read", "--allow-sys=hostname"];
  await using _program = startDeno(["run", "--no-prompt", ...permissions, EXAMPLE, file]);
  await server.connected(1, { tenant });
  await assertServesOrders(server, tenant);
});
