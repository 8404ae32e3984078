import assert from "node:assert/strict";
import { startLink } from "./link.ts";

/** A server that sends back whatever comes. */
function startEcho() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of listener) connection.readable.pipeTo(connection.writable).catch(() => {});
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
    },
  };
}

/** Sends bytes and reads to the end. */
async function roundTrip(port: number, bytes: Uint8Array): Promise<{ received: Uint8Array; tookMs: number }> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const startMs = performance.now();
  const send = async () => {
    for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
    await connection.closeWrite();
  };
  const received = new Uint8Array(bytes.length + 1);
  let filled = 0;
  const receive = async () => {
    for (let count: number | null = 0; count !== null; count = await connection.read(received.subarray(filled))) {
      filled += count;
    }
  };
  await Promise.all([send(), receive()]);
  return { received: received.subarray(0, filled), tookMs: performance.now() - startMs };
}

Deno.test("startLink() carries all bytes and the end in both directions, in order", async () => {
  await using echo = startEcho();
  await using link = startLink(echo.port, { delayMs: 1 });
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) >> 3);
  const { received } = await roundTrip(link.port, bytes);
  assert.deepEqual(received, bytes);
});

Deno.test("startLink() delays each direction", async () => {
  await using echo = startEcho();
  await using link = startLink(echo.port, { delayMs: 40 });
  const { tookMs } = await roundTrip(link.port, new Uint8Array(10));
  assert.ok(tookMs >= 78, `took ${tookMs} ms`);
});

Deno.test("startLink() is never faster than its rate, which all connections share", async () => {
  await using echo = startEcho();
  // 4 Mbit/s take 500 ms for 250,000 bytes; the way back is used at the same time.
  await using link = startLink(echo.port, { delayMs: 0, bitsPerSecond: 4_000_000 });
  const half = new Uint8Array(125_000);
  const both = await Promise.all([roundTrip(link.port, half), roundTrip(link.port, half)]);
  const tookMs = Math.max(...both.map((one) => one.tookMs));
  assert.ok(tookMs >= 480, `took ${tookMs} ms`);
});
