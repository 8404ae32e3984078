import assert from "node:assert/strict";
import { createWebhookReceiver, type TenantEvent } from "../docs/examples/webhook_receiver.ts";
import { makeSecret } from "../server/webhooks/testing.ts";
import { startConnector } from "./testkit/connector.ts";
import { startServer } from "./testkit/server.ts";
import { startTarget } from "./testkit/target.ts";

Deno.test("the documented receiver takes the server's events, each once, and nobody else's", async () => {
  const secret = makeSecret();
  const events: TenantEvent[] = [];
  const handled = Promise.withResolvers<void>();
  let failures = 1;
  const handle = createWebhookReceiver(secret, (event) => {
    // The server sends it again.
    if (failures-- > 0) return Promise.reject(new Error("not now"));
    events.push(event);
    handled.resolve();
    return Promise.resolve();
  });
  await using receiver = startTarget(async (request) => {
    try {
      return await handle(request);
    } catch {
      return new Response(null, { status: 500 });
    }
  });
  await using server = await startServer({ webhooks: { example: { url: receiver.url, secret } } });
  const tenant = await server.database.createTenant();
  await using _connector = await startConnector(server, tenant, { targets: { app: () => new Response() } });
  await handled.promise;
  assert.deepEqual(events.map(({ type, data }) => [type, data.tenantName]), [["tenant.online", tenant.name]]);

  const forged = await fetch(receiver.url, { method: "POST", body: JSON.stringify(events[0]) });
  assert.equal(forged.status, 401);
  await forged.body?.cancel();
  assert.equal(events.length, 1);
});
