/**
 * What every server transport does: one suite, which each implementation runs from its own test file.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Consumption, MailReceiver, QueuedRequest, ServerTransport, Settlement } from "./transport.ts";

/** Makes a fresh transport; so many requests of one tenant may wait in it. */
export type CreateTransport = (
  options: { readonly originId: string; readonly maxQueuedPerTenant: number },
) => Promise<ServerTransport>;

/** A consumer of the tenant `a` that remembers what it took. */
interface Consumed {
  readonly taken: string[];
  readonly consumption: Consumption;
  readonly settlements: readonly Settlement[];
  /** Resolves when it has taken so many. */
  took(count: number): Promise<void>;
}

/**
 * Registers the suite.
 *
 * @param name What the transport is called in the tests' names.
 * @param options `skipped` names the cases that the transport cannot pass, with the reason; all are skipped where its `requirement` is missing.
 */
export function testServerTransport(
  name: string,
  create: CreateTransport,
  { skipped = {}, requirement }: {
    readonly skipped?: Readonly<Record<string, string>>;
    readonly requirement?: { readonly isSkipped: boolean; label(name: string): string };
  } = {},
): void {
  for (const [does, run] of Object.entries(CASES)) {
    const reason = skipped[does];
    const label = reason === undefined ? `${name} ${does}` : `${name} ${does} (skipped: ${reason})`;
    Deno.test({
      name: requirement?.label(label) ?? label,
      ignore: reason !== undefined || requirement?.isSkipped === true,
      async fn() {
        const originId = crypto.randomUUID();
        const [tenant, other] = [crypto.randomUUID(), crypto.randomUUID()];
        await using transport = await create({ originId, maxQueuedPerTenant: 4 });
        await run({ transport, originId, tenant, other });
      },
    });
  }
}

/** What a case works with: a transport, and tenants that nobody has used before. */
interface Setting {
  readonly transport: ServerTransport;
  readonly originId: string;
  readonly tenant: string;
  readonly other: string;
}

const CASES: Readonly<Record<string, (setting: Setting) => Promise<void>>> = {
  "hands over in order, and no more than there is room for": async (setting) => {
    await publish(setting, "1", "2", "3");
    const { taken, consumption, took } = consume(setting);
    assert.deepEqual(taken, []);
    consumption.setCapacity(2);
    await took(2);
    await publish(setting, "4");
    assert.deepEqual(taken, ["1", "2"]);
    consumption.setCapacity(9);
    await took(4);
    assert.deepEqual(taken, ["1", "2", "3", "4"]);
  },

  "hands over at once while there is room": async (setting) => {
    const { taken, consumption, took } = consume(setting);
    consumption.setCapacity(9);
    await publish(setting, "1", "2");
    await took(2);
    assert.deepEqual(taken, ["1", "2"]);
  },

  "keeps a request that its consumer refuses at the head of the queue": async (setting) => {
    const refused = Promise.withResolvers<void>();
    let isFirst = true;
    const { taken, consumption, took } = consume(setting, () => {
      if (!isFirst) return true;
      isFirst = false;
      refused.resolve();
      return false;
    });
    await publish(setting, "1", "2");
    consumption.setCapacity(5);
    await refused.promise;
    assert.deepEqual(taken, []);
    consumption.setCapacity(5);
    await took(2);
    assert.deepEqual(taken, ["1", "2"]);
  },

  "does not lose a request that is published again while it is handed over": async (setting) => {
    const { transport, tenant } = setting;
    const again: Promise<void>[] = [];
    let isBusy = false;
    const { taken, consumption, took } = consume(setting, (requestId) => {
      if (isBusy) return false;
      isBusy = true;
      if (again.length === 0) again.push(transport.queues.publish(tenant, ticket(requestId)));
      isBusy = false;
      return true;
    });
    await publish(setting, "1");
    consumption.setCapacity(1);
    await took(1);
    await Promise.all(again);
    consumption.setCapacity(1);
    await took(2);
    assert.deepEqual(taken, ["1", "1"]);
  },

  "publish() rejects with queue_full, and a withdrawn request makes room": async (setting) => {
    const { transport, tenant, other } = setting;
    await publish(setting, "1", "2", "3", "4");
    await assert.rejects(publish(setting, "5"), { code: "queue_full", retryAfterSeconds: 5 });
    transport.queues.withdraw(tenant, { requestId: "1" });
    transport.queues.withdraw(tenant, { requestId: "unknown" });
    transport.queues.withdraw(other, { requestId: "2" });
    await publish(setting, "6");
    await assert.rejects(publish(setting, "7"), { code: "queue_full" });
  },

  "hands over again what its consumer gives back, and nothing that is done": async (setting) => {
    const { taken, consumption, took, settlements } = consume(setting, () => true, { settles: false });
    await publish(setting, "1", "2");
    consumption.setCapacity(2);
    await took(2);
    settlements[1]!.done();
    settlements[0]!.again();
    consumption.setCapacity(2);
    await took(3);
    assert.deepEqual(taken, ["1", "2", "1"]);
  },

  "remove() takes a tenant's queue away with all that waits in it": async (setting) => {
    const { transport, tenant } = setting;
    await publish(setting, "1");
    await transport.queues.remove(tenant);
    transport.queues.withdraw(tenant, { requestId: "1" });
    await publish(setting, "2");
    const { taken, consumption, took } = consume(setting);
    consumption.setCapacity(9);
    await took(1);
    assert.deepEqual(taken, ["2"]);
  },

  "brings an origin its own mail, in order and as it was": async ({ transport, originId }) => {
    const received: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    await openMail(transport, {
      mail: (message) => {
        received.push(message.toHex());
        if (received.length === 4) resolve();
      },
    });
    for (const text of ["", "00ff", "61"]) transport.mail.send(originId, Uint8Array.fromHex(text));
    const reused = Uint8Array.fromHex("62");
    transport.mail.broadcast(reused);
    reused.fill(0);
    await promise;
    assert.deepEqual(received, ["", "00ff", "61", "62"]);
  },

  "brings mail of all sizes in the order it was sent in": async ({ transport, originId }) => {
    const sizes = [2_047, 2_048, 2_049, 300_000, 1, 131_072, 0, 100];
    const received: Uint8Array[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    await openMail(transport, {
      mail: (message) => {
        received.push(message.slice());
        if (received.length === sizes.length) resolve();
      },
    });
    const messages = sizes.map((size, index) => new Uint8Array(size).map((_, at) => at + index));
    for (const message of messages) transport.mail.send(originId, message);
    await promise;
    assert.ok(received.every((message, index) => message.toHex() === messages[index]!.toHex()));
  },

  "says when mail cannot be delivered": async (setting) => {
    const { transport } = setting;
    const { promise, resolve } = Promise.withResolvers<string>();
    const stranger = crypto.randomUUID();
    await openMail(transport, { undeliverable: resolve });
    transport.mail.send(stranger, new Uint8Array(1));
    assert.equal(await promise, stranger);
  },

  "keeps tenants apart": async (setting) => {
    const { transport, other } = setting;
    await transport.queues.publish(other, ticket("1"));
    await publish(setting, "2", "3", "4", "5");
    const { taken, consumption, took } = consume(setting);
    consumption.setCapacity(9);
    await took(4);
    assert.deepEqual(taken, ["2", "3", "4", "5"]);
  },

  "keeps what waits when a consumption ends, for the next one": async (setting) => {
    const first = consume(setting);
    await publish(setting, "1");
    first.consumption[Symbol.dispose]();
    await publish(setting, "2");
    const second = consume(setting);
    second.consumption.setCapacity(2);
    await second.took(2);
    assert.deepEqual([first.taken, second.taken], [[], ["1", "2"]]);
  },
};

/** A ticket of a request that an origin holds. */
function ticket(requestId: string): QueuedRequest {
  return { requestId, originId: "holder" };
}

async function publish({ transport, tenant }: Setting, ...requestIds: readonly string[]): Promise<void> {
  for (const requestId of requestIds) await transport.queues.publish(tenant, ticket(requestId));
}

function consume(
  { transport, tenant }: Setting,
  accepts: (requestId: string) => boolean = () => true,
  { settles = true } = {},
): Consumed {
  const taken: string[] = [];
  const settlements: Settlement[] = [];
  let waiting: { readonly count: number; readonly resolve: () => void } | undefined;
  const consumption = transport.queues.consume(tenant, ({ requestId }, settlement) => {
    if (!accepts(requestId)) return false;
    if (settles) settlement.done();
    settlements.push(settlement);
    taken.push(requestId);
    if (taken.length === waiting?.count) waiting.resolve();
    return true;
  });
  const took = (count: number) =>
    new Promise<void>((resolve) => {
      if (taken.length >= count) resolve();
      else waiting = { count, resolve };
    });
  return { taken, consumption, took, settlements };
}

/** Opens the mail and waits until it works. */
async function openMail(transport: ServerTransport, receiver: Partial<MailReceiver>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const ignore = () => {};
  transport.mail.open({ mail: ignore, undeliverable: ignore, lost: ignore, held: ignore, ...receiver, ready: resolve });
  await promise;
}
