import assert from "node:assert/strict";
import { Places } from "./places.ts";

/** Takes as many places as a tenant gets. */
function takeAll(places: Places, tenantId: string): number {
  let taken = 0;
  for (; places.hasRoom(tenantId); taken++) places.take(tenantId);
  return taken;
}

function giveBack(places: Places, tenantId: string, count: number): void {
  for (let index = 0; index < count; index++) places.giveBack(tenantId);
}

Deno.test("hasRoom() is false when a tenant has its limit, whatever is free", () => {
  const places = new Places({ total: 100, perTenant: 10 });
  assert.equal(takeAll(places, "a"), 10);
  places.giveBack("a");
  assert.equal(places.hasRoom("a"), true);
});

Deno.test("hasRoom() leaves a fifth over when one tenant takes what it can get", () => {
  const places = new Places({ total: 1000 });
  assert.equal(takeAll(places, "flood"), 800);
  assert.equal(takeAll(places, "other"), 160);
  assert.equal(takeAll(places, "third"), 32);
  assert.equal(places.taken, 992);
});

Deno.test("hasRoom() brings the shares together as places are given back", () => {
  const places = new Places({ total: 1000 });
  const counts: Record<string, number> = { flood: takeAll(places, "flood"), other: 0 };
  for (let round = 0; round < 100; round++) {
    // Each tenant's requests end in proportion to how many it has; both want more than they get.
    for (const tenantId of ["flood", "other"]) {
      const ended = Math.ceil(counts[tenantId]! / 10);
      giveBack(places, tenantId, Math.min(ended, counts[tenantId]!));
      counts[tenantId]! -= Math.min(ended, counts[tenantId]!);
      counts[tenantId]! += takeAll(places, tenantId);
    }
  }
  assert.ok(counts.other! > 0.7 * counts.flood!, JSON.stringify(counts));
});

Deno.test("hasRoom() gives every place away when there are few, or many tenants", () => {
  for (const total of [1, 2, 3, 4]) assert.equal(takeAll(new Places({ total }), "a"), total);
  const places = new Places({ total: 1000 });
  for (let tenant = 0; tenant < 1000; tenant++) {
    assert.equal(places.hasRoom(`${tenant}`), true);
    places.take(`${tenant}`);
  }
  assert.equal(places.hasRoom("another"), false);
});

Deno.test("taken is back at zero when every place was given back", () => {
  const places = new Places({ total: 50 });
  const taken = ["a", "b", "c"].map((tenantId) => [tenantId, takeAll(places, tenantId)] as const);
  for (const [tenantId, count] of taken) giveBack(places, tenantId, count);
  assert.equal(places.taken, 0);
  assert.equal(takeAll(places, "b"), 40);
});
