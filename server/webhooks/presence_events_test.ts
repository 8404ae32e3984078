import assert from "node:assert/strict";
import { type ConnectedTenants, type PresenceEvent, PresenceEvents } from "./presence_events.ts";

/** Connections by tenant, as many as the test says. */
class FakeTenants implements ConnectedTenants {
  readonly counts = new Map<string, number>();
  readonly listeners = new Set<(tenantId: string) => void>();

  capacity(tenantId: string): number | undefined {
    const count = this.counts.get(tenantId) ?? 0;
    return count === 0 ? undefined : count;
  }

  list(tenantId: string) {
    return Array.from(
      { length: this.counts.get(tenantId) ?? 0 },
      () => ({ facts: { tenantName: `Name ${tenantId}` } }),
    );
  }

  onChange(listener: (tenantId: string) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }

  set(tenantId: string, count: number): void {
    this.counts.set(tenantId, count);
    for (const listener of this.listeners) listener(tenantId);
  }
}

function setup(graceMs: number) {
  const tenants = new FakeTenants();
  const presence = new PresenceEvents(tenants, { graceMs, now: () => 1_000 });
  const events: PresenceEvent[] = [];
  let wake = Promise.withResolvers<void>();
  presence.onEvent((event) => {
    events.push(event);
    wake.resolve();
  });
  const told = async (count: number) => {
    while (events.length < count) {
      wake = Promise.withResolvers();
      await wake.promise;
    }
  };
  return { tenants, presence, told, types: () => events.map(({ type, tenantId }) => [type, tenantId]), events };
}

Deno.test("PresenceEvents tell the first connection of a tenant, and the end of the last", async () => {
  const { tenants, presence, told, events } = setup(1);
  using _presence = presence;
  for (const count of [1, 2, 1, 1, 0]) tenants.set("a", count);
  await told(2);
  assert.deepEqual(events, [
    { type: "tenant.online", tenantId: "a", tenantName: "Name a", atMs: 1_000 },
    { type: "tenant.offline", tenantId: "a", tenantName: "Name a", atMs: 1_000 },
  ]);
});

Deno.test("PresenceEvents do not tell a reconnect within the grace", async () => {
  const { tenants, presence, told, types } = setup(30);
  using _presence = presence;
  for (const count of [1, 0, 1, 0, 0, 2]) tenants.set("a", count);
  tenants.set("b", 1);
  tenants.set("b", 0);
  await told(3);
  assert.deepEqual(types(), [["tenant.online", "a"], ["tenant.online", "b"], ["tenant.offline", "b"]]);
});

Deno.test("PresenceEvents tell a tenant that comes back after the grace again", async () => {
  const { tenants, presence, told, types } = setup(1);
  using _presence = presence;
  tenants.set("a", 1);
  tenants.set("a", 0);
  await told(2);
  tenants.set("a", 1);
  assert.deepEqual(types().map(([type]) => type), ["tenant.online", "tenant.offline", "tenant.online"]);
});

Deno.test("PresenceEvents say nothing after disposal, and leave no timer", () => {
  const { tenants, presence, types } = setup(1);
  tenants.set("a", 1);
  tenants.set("a", 0);
  presence[Symbol.dispose]();
  tenants.set("b", 1);
  assert.deepEqual(types(), [["tenant.online", "a"]]);
  assert.equal(tenants.listeners.size, 0);
});
