/**
 * An origin with a connection whose connector answers at once. Reads `{ settings, tenantId, replyBytes }` from its first argument, and prints
 * `ready` once the others are told.
 *
 * @module
 */

import { ConnectorConnection } from "../../server/connectors/connection.ts";
import { createMemoryPipes } from "../../shared/protocol/memory_pipe.ts";
import { Session } from "../../shared/protocol/session.ts";
import { VERSION } from "../../shared/version.ts";
import { startOrigin } from "./origin.ts";

const CAPACITY = 256;

const { settings, tenantId, replyBytes } = JSON.parse(Deno.args[0] ?? "");
const { originId, config, registry } = await startOrigin(settings);
const [near, far] = createMemoryPipes();
const { connectorMessage: maxMessageBytes } = config.limits;
const sessionOptions = {
  settings: {
    keepAliveIntervalMs: config.keepAliveInterval,
    inlineBodyLimitBytes: config.inlineBodyLimit,
    reconnectMinimumDelayMs: config.reconnectMinimumDelay,
    reconnectMaximumDelayMs: config.reconnectMaximumDelay,
  },
  maxMessageBytes,
  peerMaxMessageBytes: maxMessageBytes,
};
const body = new Uint8Array(replyBytes).fill(0x78);
const headers = [["content-type", "text/plain"], ["content-length", String(replyBytes)]] as const;
new Session(far, {
  ...sessionOptions,
  handlers: { request: () => Promise.resolve({ status: 200, headers, body }) },
});
const session = new Session(near, {
  ...sessionOptions,
  handlers: { deliveryEnded: () => registry.changed(tenantId) },
});
const facts = {
  id: crypto.randomUUID(),
  originId,
  tenantId,
  tenantName: "bench",
  secretId: null,
  peerAddress: "127.0.0.1",
  connectedAt: Date.now(),
  connector: { version: VERSION, machineName: "bench" },
  targets: ["web"],
};
registry.add(new ConnectorConnection(session, facts, { settings: sessionOptions.settings, capacity: CAPACITY }));
await Deno.stdout.write(new TextEncoder().encode("ready\n"));
