import assert from "node:assert/strict";
import { join } from "node:path";
import { DataFolder, type ServerProcess, startServerProcess } from "../testkit/programs.ts";
import { PROJECT_ROOT, startDeno } from "../testkit/process.ts";
import type { TestTenant } from "../testkit/tenants.ts";

const CONNECTIONS_PER_TENANT = 20;
const TENANTS = 50;
const TIMEOUT_MS = 60_000;

async function assertAllRelay(server: ServerProcess, tenants: readonly TestTenant[]): Promise<void> {
  const statuses = await Promise.all(tenants.map(async (tenant) => {
    const response = await server.relay(tenant, "ping");
    await response.body?.cancel();
    return response.status;
  }));
  assert.deepEqual(statuses, tenants.map(() => 200));
}

Deno.test("a thousand connections of fifty tenants connect, and all come back when the server was killed", async () => {
  await using folder = await DataFolder.create();
  const tenants = await Promise.all(Array.from({ length: TENANTS }, () => folder.database.createTenant()));
  const overrides = { reconnectMaximumDelay: "2s" };
  await using first = await startServerProcess(folder, overrides);
  const file = join(folder.path, "fleet.json");
  await Deno.writeTextFile(file, JSON.stringify({ url: first.url, tenants, connections: CONNECTIONS_PER_TENANT }));
  const permissions = ["--allow-net", "--allow-env", "--allow-read", "--allow-sys=hostname"];
  await using _fleet = startDeno(["run", ...permissions, join(PROJECT_ROOT, "tests/testkit/fleet.ts"), file]);
  await first.connected(TENANTS * CONNECTIONS_PER_TENANT, { timeoutMs: TIMEOUT_MS });
  await assertAllRelay(first, tenants);

  await first.kill();
  await using second = await startServerProcess(folder, { ...overrides, port: first.port });
  await second.connected(TENANTS * CONNECTIONS_PER_TENANT, { timeoutMs: TIMEOUT_MS });
  await assertAllRelay(second, tenants);
});
