/**
 * What every server transport does: one suite, which each implementation runs from its own test file.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Consumption, ServerTransport } from "./transport.ts";

/** Makes a fresh transport; so many requests of one tenant may wait in it. */
export type CreateTransport = (options: { readonly maxQueuedPerTenant: number }) => Promise<ServerTransport>;

/** A consumer of the tenant `a` that remembers what it took. */
interface Consumed {
  readonly taken: string[];
  readonly consumption: Consumption;
  /** Resolves when it has taken so many. */
  took(count: number): Promise<void>;
}

/**
 * Registers the suite.
 *
 * @param name What the transport is called in the tests' names.
 */
export function testServerTransport(name: string, create: CreateTransport): void {
  for (const [does, run] of Object.entries(CASES)) {
    Deno.test(`${name} ${does}`, async () => {
      await using transport = await create({ maxQueuedPerTenant: 4 });
      await run(transport);
    });
  }
}

const CASES: Readonly<Record<string, (transport: ServerTransport) => Promise<void>>> = {
  "hands over in order, and no more than there is room for": async (transport) => {
    await publish(transport, "1", "2", "3");
    const { taken, consumption, took } = consume(transport);
    assert.deepEqual(taken, []);
    consumption.setCapacity(2);
    await took(2);
    await publish(transport, "4");
    assert.deepEqual(taken, ["1", "2"]);
    consumption.setCapacity(9);
    await took(4);
    assert.deepEqual(taken, ["1", "2", "3", "4"]);
  },

  "hands over at once while there is room": async (transport) => {
    const { taken, consumption, took } = consume(transport);
    consumption.setCapacity(9);
    await publish(transport, "1", "2");
    await took(2);
    assert.deepEqual(taken, ["1", "2"]);
  },

  "keeps a request that its consumer refuses at the head of the queue": async (transport) => {
    let refusals = 0;
    const { taken, consumption, took } = consume(transport, () => refusals++ > 0);
    await publish(transport, "1", "2");
    consumption.setCapacity(5);
    assert.deepEqual(taken, []);
    consumption.setCapacity(5);
    await took(2);
    assert.deepEqual(taken, ["1", "2"]);
  },

  "does not lose a request that is published again while it is handed over": async (transport) => {
    const again: Promise<void>[] = [];
    let isBusy = false;
    const { taken, consumption, took } = consume(transport, (requestId) => {
      if (isBusy) return false;
      isBusy = true;
      if (again.length === 0) again.push(transport.publish("a", { requestId }));
      isBusy = false;
      return true;
    });
    await publish(transport, "1");
    consumption.setCapacity(1);
    await took(1);
    await Promise.all(again);
    consumption.setCapacity(1);
    await took(2);
    assert.deepEqual(taken, ["1", "1"]);
  },

  "publish() rejects with queue_full, and a withdrawn request makes room": async (transport) => {
    await publish(transport, "1", "2", "3", "4");
    await assert.rejects(publish(transport, "5"), { code: "queue_full", retryAfterSeconds: 5 });
    transport.withdraw("a", { requestId: "1" });
    transport.withdraw("a", { requestId: "unknown" });
    transport.withdraw("b", { requestId: "2" });
    await publish(transport, "6");
    await assert.rejects(publish(transport, "7"), { code: "queue_full" });
  },

  "keeps tenants apart": async (transport) => {
    await transport.publish("b", { requestId: "1" });
    await publish(transport, "2", "3", "4", "5");
    const { taken, consumption, took } = consume(transport);
    consumption.setCapacity(9);
    await took(4);
    assert.deepEqual(taken, ["2", "3", "4", "5"]);
  },

  "keeps what waits when a consumption ends, for the next one": async (transport) => {
    const first = consume(transport);
    await publish(transport, "1");
    first.consumption[Symbol.dispose]();
    await publish(transport, "2");
    const second = consume(transport);
    second.consumption.setCapacity(2);
    await second.took(2);
    assert.deepEqual([first.taken, second.taken], [[], ["1", "2"]]);
  },
};

async function publish(transport: ServerTransport, ...requestIds: readonly string[]): Promise<void> {
  for (const requestId of requestIds) await transport.publish("a", { requestId });
}

function consume(transport: ServerTransport, accepts: (requestId: string) => boolean = () => true): Consumed {
  const taken: string[] = [];
  let waiting: { readonly count: number; readonly resolve: () => void } | undefined;
  const consumption = transport.consume("a", ({ requestId }) => {
    if (!accepts(requestId)) return false;
    taken.push(requestId);
    if (taken.length === waiting?.count) waiting.resolve();
    return true;
  });
  const took = (count: number) =>
    new Promise<void>((resolve) => {
      if (taken.length >= count) resolve();
      else waiting = { count, resolve };
    });
  return { taken, consumption, took };
}
