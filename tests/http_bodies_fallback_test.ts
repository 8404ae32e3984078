/**
 * What does not let bodies by HTTP through, and the WebSocket that carries them then.
 *
 * @module
 */

import assert from "node:assert/strict";
import { startConnector } from "./testkit/connector.ts";
import { assertDownload, assertUpload, startBodyPlace, startBodyTarget } from "./testkit/http_bodies.ts";
import { startServer } from "./testkit/server.ts";
import { closedPort, startTarget } from "./testkit/target.ts";

const OBSTACLES: Readonly<Record<string, (request: Request) => Response | Promise<Response>>> = {
  "refuses large bodies": () => new Response("too large", { status: 413 }),
  "does not know the address": () => new Response("no such page", { status: 404 }),
  "redirects": () => new Response(null, { status: 302, headers: { location: "https://example.invalid/" } }),
  "answers before the body": () => new Response("fine", { status: 200 }),
  "is out of order": async (request) => {
    await request.body?.getReader().read();
    return new Response("sorry", { status: 502 });
  },
};

/** The order in which bodies go at a connector. */
const ORDERS = [[assertDownload, assertDownload, assertUpload], [assertUpload, assertUpload, assertDownload]];

/** Checks that bodies arrive, whichever way the first one goes, and tells when a connector has moved its own. */
async function checkFallback(bodyUrl: string, moved: () => void = () => {}): Promise<void> {
  await using target = startBodyTarget();
  await using server = await startServer();
  await using place = startBodyPlace(server, bodyUrl);
  for (const order of ORDERS) {
    const tenant = await server.database.createTenant();
    await using _connector = await startConnector(place, tenant, { targets: { web: target.url } });
    for (const assertMoved of order) await assertMoved(server, tenant);
    moved();
  }
}

for (const [does, answer] of Object.entries(OBSTACLES)) {
  Deno.test(`the WebSocket carries bodies where something on the way ${does}, and HTTP is not tried again soon`, async () => {
    let tries = 0;
    await using obstacle = startTarget((request) => {
      tries++;
      return answer(request);
    });
    await checkFallback(obstacle.url, () => {
      assert.equal(tries, 1);
      tries = 0;
    });
  });
}

Deno.test("the WebSocket carries bodies where nobody listens at the address for them", async () => {
  await checkFallback(`http://127.0.0.1:${closedPort()}`);
});
