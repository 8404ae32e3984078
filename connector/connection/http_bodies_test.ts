import assert from "node:assert/strict";
import { Agent } from "node:http";
import { HttpBodies, HttpBodyTrust } from "./http_bodies.ts";

const PIECE_BYTES = 64 * 1024;

/** Takes whole bodies, and tells how long each was. */
function startServer() {
  const sizes: number[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    sizes.push((await request.bytes()).length);
    return new Response(null, { status: 204 });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { sizes, url, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** Posts pieces of 64 KiB to a server whose word that it takes the body never comes. */
async function post(url: string, { pieces, closes }: { readonly pieces: number; readonly closes: boolean }) {
  const trust = new HttpBodyTrust();
  const bodies = new HttpBodies({ requestEndpoint: url, responseEndpoint: url }, trust, {
    network: { agentFor: () => new Agent() },
    token: () => "token",
  });
  bodies.connected("origin");
  let isCancelled = false;
  let count = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (count++ < pieces) return controller.enqueue(new Uint8Array(PIECE_BYTES));
      if (closes) return controller.close();
      return new Promise(() => {});
    },
    cancel: () => void (isCancelled = true),
  }, { highWaterMark: 0 });
  const rest = await bodies.post(
    { requestId: crypto.randomUUID(), deliveryId: "0".repeat(32) },
    { stream, length: pieces * PIECE_BYTES },
    { signal: new AbortController().signal, taken: new Promise(() => {}) },
  );
  return { rest, isTrusted: trust.isGood, isCancelled };
}

Deno.test("HttpBodies.post() is done when the server's answer comes before its word that it takes the body", async () => {
  await using server = startServer();
  assert.deepEqual(await post(server.url, { pieces: 4, closes: true }), {
    rest: undefined,
    isTrusted: true,
    isCancelled: false,
  });
  assert.deepEqual(server.sizes, [4 * PIECE_BYTES]);
});

Deno.test("HttpBodies.post() is done when the server has all of a body that has not said that it ends", async () => {
  await using server = startServer();
  assert.deepEqual(await post(server.url, { pieces: 2, closes: false }), {
    rest: undefined,
    isTrusted: true,
    isCancelled: true,
  });
  assert.deepEqual(server.sizes, [2 * PIECE_BYTES]);
});
