/**
 * An application with large bodies, and a server's place that sends those of its connectors elsewhere.
 *
 * @module
 */

import assert from "node:assert/strict";
import { bodyOf, digest, digestOf, upload } from "./bodies.ts";
import type { ConnectorPlace } from "./connector.ts";
import type { TestServer } from "./server.ts";
import { startTarget, type TestTarget } from "./target.ts";
import type { TestTenant } from "./tenants.ts";

/** A body that is too large to go inside a frame. */
export const LARGE_BYTES = 5 * (1 << 20) + 3;

/** Starts an application that gives a body of known length, `?size=` in bytes, and says what it was sent. */
export function startBodyTarget(): TestTarget {
  return startTarget(async (request) => {
    if (request.method === "POST") return new Response(await digest(request.body));
    const size = Number(new URL(request.url).searchParams.get("size"));
    return new Response(bodyOf(size), { headers: { "content-length": String(size) } });
  });
}

/** Checks that a body comes unchanged from the tenant's target `web`, a {@link startBodyTarget}. */
export async function assertDownload(server: TestServer, tenant: TestTenant, sizeBytes = LARGE_BYTES): Promise<void> {
  const response = await server.relay(tenant, `web?size=${sizeBytes}`);
  assert.equal(response.headers.get("content-length"), String(sizeBytes));
  assert.equal(await digest(response.body), await digestOf(sizeBytes));
}

/** Checks that a body reaches the tenant's target `web`, a {@link startBodyTarget}, unchanged. */
export async function assertUpload(server: TestServer, tenant: TestTenant, sizeBytes = LARGE_BYTES): Promise<void> {
  const { body } = await upload(server, `/relay/${tenant.name}/web`, { sizeBytes, isLengthKnown: true });
  assert.equal(new TextDecoder().decode(body), await digestOf(sizeBytes));
}

/** A place for connectors of a server whose bodies go to another URL. */
export function startBodyPlace(server: TestServer, bodyUrl: string): ConnectorPlace & AsyncDisposable {
  const endpoints = { requestEndpoint: `${bodyUrl}/body/request`, responseEndpoint: `${bodyUrl}/body/response` };
  const front = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async ({ url }) => {
    const answer = await fetch(server.url + new URL(url).pathname);
    return Response.json({ ...await answer.json(), ...endpoints });
  });
  return { url: `http://127.0.0.1:${front.addr.port}`, [Symbol.asyncDispose]: () => front.shutdown() };
}
