import assert from "node:assert/strict";
import type { ConnectorStatus } from "./status.ts";
import { StatusServer } from "./status_server.ts";

const STATUS: ConnectorStatus = {
  version: "1",
  tenant: "acme",
  startedAt: "2026-01-01T00:00:00.000Z",
  isConnected: true,
  connections: [],
  targets: [],
  counters: { requests: 0, failed: 0, connects: 0, connectFailures: 0 },
};

Deno.test("StatusServer ends although a client has not sent all of its request", async () => {
  for (const request of ["", "GET /sta", "GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"]) {
    const server = new StatusServer(() => STATUS, { port: 0 });
    using client = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(server.url).port) });
    await client.write(new TextEncoder().encode(request));
    if (request.endsWith("\r\n\r\n")) assert.notEqual(await client.read(new Uint8Array(4096)), null);
    await server[Symbol.asyncDispose]();
  }
});
