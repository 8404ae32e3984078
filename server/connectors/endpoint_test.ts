import assert from "node:assert/strict";
import { createMemoryPipes } from "../../shared/protocol/memory_pipe.ts";
import { SETTINGS } from "../../shared/protocol/testing.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import { DEFAULT_TENANT_SETTINGS, type Tenant } from "../persistence/tenants.ts";
import { ConnectorEndpoint } from "./endpoint.ts";
import { ConnectionRegistry } from "./registry.ts";

const TENANT: Tenant = {
  ...DEFAULT_TENANT_SETTINGS,
  id: "00000000-0000-4000-8000-000000000001",
  name: "acme",
  createdAt: 0,
  updatedAt: 0,
  version: 1,
};

const REQUEST = {
  method: "GET",
  target: "/connector",
  host: "relay.test",
  headers: [
    ["authorization", "Bearer token"],
    ["upgrade", "websocket"],
    ["sec-websocket-version", "13"],
    ["sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="],
    ["sec-websocket-protocol", "relayserver.v1"],
  ],
  body: null,
  peerAddress: "127.0.0.1",
  signal: new AbortController().signal,
  toRequest: () => new Request("http://relay.test/connector"),
} satisfies ListenerRequest;

Deno.test("ConnectorEndpoint keeps its limit when handshakes wait for one look-up", async () => {
  const found = Promise.withResolvers<Tenant>();
  const endpoint = new ConnectorEndpoint({
    tenants: { findById: () => found.promise },
    verifier: {
      verify: () => Promise.resolve({ tenantId: TENANT.id, tenantName: TENANT.name, scope: [], expiresAt: 1e12 }),
    },
    registry: new ConnectionRegistry(),
    watch: { connected: () => {} },
    now: () => 0,
  }, {
    server: { originId: "origin", version: "0", machineName: "test" },
    settings: SETTINGS,
    handshakeTimeoutMs: 60_000,
    maxMessageBytes: 65_536,
    maxConnections: 20,
    endpointTimeoutMs: 60_000,
  });
  const handled = Array.from({ length: 100 }, () => endpoint.handle(REQUEST));
  found.resolve(TENANT);
  const ends: Promise<number>[] = [];
  for (const answer of await Promise.all(handled)) {
    const [ours, theirs] = createMemoryPipes();
    ends.push(new Promise((resolve) => theirs.open({ message: () => {}, closed: resolve })));
    answer.accept(ours);
  }
  // Ends the handshakes that have a place, without a word.
  endpoint.close();
  const codes = await Promise.all(ends);
  assert.equal(codes.filter((code) => code === 1006).length, 16);
  assert.equal(codes.filter((code) => code === 1001).length, 84);
});
