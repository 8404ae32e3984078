import assert from "node:assert/strict";
import { FakeTime, SETTINGS, settle } from "../../shared/protocol/testing.ts";
import { DEFAULT_TENANT_SETTINGS, type Tenant } from "../persistence/tenants.ts";
import type { ConnectionRegistry } from "./registry.ts";
import { TenantWatch } from "./tenant_watch.ts";

const TENANT: Tenant = { ...DEFAULT_TENANT_SETTINGS, id: "t", name: "acme", createdAt: 1, updatedAt: 1, version: 1 };

Deno.test("TenantWatch renews copies of tenants that have changed, and leaves no moment without one: the database may go away in it", async () => {
  using time = new FakeTime();
  const told: string[] = [];
  const registry = { tenantIds: () => [TENANT.id].values(), list: () => [].values() };
  await using watch = new TenantWatch({
    registry: registry as Partial<ConnectionRegistry> as ConnectionRegistry,
    tenants: {
      findById: () => Promise.resolve(TENANT),
      listChangedSince: () => Promise.resolve([TENANT]),
      findExistingIds: (ids) => Promise.resolve(new Set(ids)),
    },
    secrets: { findExistingIds: (ids) => Promise.resolve(new Set(ids)) },
    copies: {
      renewTenant: ({ id }) => void told.push(`${id} renewed`),
      forgetTenant: ({ id }) => void told.push(`${id} forgotten`),
      forgetSecret: () => {},
    },
    now: () => performance.now(),
  }, { settings: SETTINGS, withinMs: 10_000, drainTimeoutMs: 1_000 });
  watch.start();
  time.pass(5_000);
  await settle();
  assert.deepEqual(told, ["t renewed"]);
  // What was there before a change that is known of must not be served any more.
  watch.tenantChanged(TENANT.id, TENANT.name);
  await settle();
  assert.deepEqual(told, ["t renewed", "t forgotten", "t renewed"]);
});
