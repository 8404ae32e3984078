import assert from "node:assert/strict";
import { bodyOf, digest, digestOf, settled } from "./testkit/bodies.ts";
import { answers, startCluster } from "./testkit/cluster.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { assertDownload, assertUpload, LARGE_BYTES, startBodyPlace, startBodyTarget } from "./testkit/http_bodies.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { requireRabbitMq, TestBroker } from "./testkit/rabbitmq.ts";
import type { TestServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";
import { startTarget } from "./testkit/target.ts";

const MIB = 1 << 20;
/** More than the buffers of all sockets on the way. */
const HUGE_BYTES = 96 * MIB;
const HELD_BYTES = 64 * MIB;

const rabbitmq = await requireRabbitMq();

/** How often a connector has fallen back on its WebSocket so far. */
function fallbacks(): number {
  return testLog.find({ message: /Large bodies go by the WebSocket/ }).length;
}

for (const bodyTransfer of ["auto", "http", "websocket"] as const) {
  for (const listener of LISTENERS) {
    Deno.test(`bodies go down and up unchanged with bodyTransfer ${bodyTransfer} on ${listener}`, async () => {
      await using target = startBodyTarget();
      await using site = await startSite({ web: target.url }, { bodyTransfer, listener });
      const before = fallbacks();
      for (const sizeBytes of [0, 65_537, MIB, LARGE_BYTES]) {
        await assertDownload(site.server, site.tenant, sizeBytes);
        await assertUpload(site.server, site.tenant, sizeBytes);
      }
      assert.equal(fallbacks(), before);
    });
  }
}

Deno.test("a slow client slows the target, and the body is not kept anywhere", async () => {
  let madeBytes = 0;
  await using target = startTarget(() =>
    new Response(bodyOf(HUGE_BYTES, (bytes) => madeBytes = bytes), {
      headers: { "content-length": String(HUGE_BYTES) },
    })
  );
  await using site = await startSite({ web: target.url });
  const response = await site.server.relay(site.tenant, "web");
  const held = await settled(() => madeBytes);
  assert.ok(held < HELD_BYTES, `${held} bytes were made for a client that reads nothing`);
  assert.equal(await digest(response.body), await digestOf(HUGE_BYTES));
});

Deno.test("the target's call ends when the client leaves a download that is posted", async () => {
  const cancelled = Promise.withResolvers<void>();
  await using target = startTarget(() => {
    const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel: () => cancelled.resolve(),
    });
    return new Response(endless, { headers: { "content-length": String(HUGE_BYTES * 100) } });
  });
  await using site = await startSite({ web: target.url });
  const response = await site.server.relay(site.tenant, "web");
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await within(cancelled.promise, { timeoutMs: 10_000, what: "the end of the target's call" });
});

Deno.test({
  name: rabbitmq.label("bodies find their delivery from every origin"),
  ignore: rabbitmq.isSkipped,
  async fn() {
    await using broker = await TestBroker.start();
    await using target = startBodyTarget();
    await using cluster = await startCluster(broker, { count: 3, bodyTransfer: "http" });
    const [client, holder, stranger] = cluster.servers as [TestServer, TestServer, TestServer];
    const before = fallbacks();
    for (const bodyServer of [client, holder, stranger]) {
      await using place = startBodyPlace(holder, bodyServer.url);
      const tenant = await client.database.createTenant();
      await using _connector = await startConnector(place, tenant, { targets: { web: target.url } });
      await answers(client, tenant, { path: "web?size=0", status: 200 });
      await assertDownload(client, tenant);
      await assertUpload(client, tenant);
    }
    assert.equal(fallbacks(), before);
  },
});
