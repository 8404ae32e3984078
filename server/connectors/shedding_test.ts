import assert from "node:assert/strict";
import type { ConnectorConnection } from "./connection.ts";
import { ConnectionRegistry } from "./registry.ts";
import { connectionsToShed, Shedding } from "./shedding.ts";

Deno.test("connectionsToShed() is nothing when alone, near the mean, below it, or for few connections", () => {
  for (
    const [own, others] of [
      [1000, []],
      [100, [100]],
      [149, [100, 100]],
      [20, [0]],
      [0, [1000]],
      [10, [0, 0, 0]],
    ] as const
  ) assert.equal(connectionsToShed(own, others), 0, `${own} beside ${others}`);
});

Deno.test("connectionsToShed() is a tenth of what is too many, and 20 at most", () => {
  assert.equal(connectionsToShed(30, [0]), 1);
  assert.equal(connectionsToShed(400, [0]), 10);
  assert.equal(connectionsToShed(10_000, [0, 0]), 20);
});

Deno.test("connectionsToShed() comes to an end without ever making another origin shed", () => {
  const origins = [5000, 0, 40];
  const shed = (index: number) => connectionsToShed(origins[index]!, origins.filter((_, other) => other !== index));
  let steps = 0;
  for (let count = shed(0); count > 0; count = shed(0)) {
    origins[0]! -= count;
    origins[1]! += count;
    assert.deepEqual([shed(1), shed(2)], [0, 0], String(origins));
    assert.ok(++steps < 1000);
  }
  assert.ok(origins[0]! > 1680, String(origins));
});

/** The smallest connection that can be asked to leave. */
class FakeConnection {
  readonly facts: {
    readonly tenantId: string;
    readonly tenantName: string;
    readonly connector: { machineName: string };
  };
  readonly inFlight: number;
  isOpen = true;

  constructor(index: number) {
    this.facts = { tenantId: `tenant-${index}`, tenantName: `tenant-${index}`, connector: { machineName: "site" } };
    this.inFlight = index;
  }

  drain(reason: string, reconnect: string): void {
    assert.equal(`${reason} ${reconnect}`, "draining now");
    this.isOpen = false;
  }
}

function openConnections(count: number) {
  const registry = new ConnectionRegistry();
  const add = (index: number) => {
    const connection = new FakeConnection(index);
    registry.add(connection as unknown as ConnectorConnection);
    return connection;
  };
  return { registry, add, connections: Array.from({ length: count }, (_, index) => add(index)) };
}

Deno.test("Shedding.step() asks the idlest connections, and leaves those alone that come back", () => {
  const { registry, add, connections } = openConnections(50);
  let nowMs = 0;
  const shedding = new Shedding({ registry, others: () => [0], now: () => nowMs });
  shedding.step();
  const left = () => connections.filter(({ isOpen }) => !isOpen).map(({ inFlight }) => inFlight);
  assert.deepEqual(left(), [0, 1]);
  assert.equal(shedding.asked, 2);
  const returned = [add(0), add(1)];
  shedding.step();
  assert.deepEqual(left(), [0, 1, 2, 3]);
  assert.equal(shedding.asked, 4);
  assert.deepEqual(returned.map(({ isOpen }) => isOpen), [true, true]);
  nowMs = 60 * 60 * 1000;
  shedding.step();
  assert.deepEqual(returned.map(({ isOpen }) => isOpen), [false, false]);
});
