/**
 * An origin with a connection that has the answer at once. Reads `{ settings, tenantId, replyBytes }` from its first argument, and prints `ready`
 * once others can be told.
 *
 * @module
 */

import type { Connection } from "../../server/dispatch/connections.ts";
import { VERSION } from "../../shared/version.ts";
import { startOrigin } from "./origin.ts";

const CAPACITY = 256;

const { settings, tenantId, replyBytes } = JSON.parse(Deno.args[0] ?? "");
const headers = [["content-type", "text/plain"], ["content-length", String(replyBytes)]] as const;
const response = Promise.resolve({ status: 200, headers, body: new Uint8Array(replyBytes).fill(0x78) });
const originId = crypto.randomUUID();
const connection: Connection = {
  id: crypto.randomUUID(),
  connector: { version: VERSION, machineName: "bench" },
  originId,
  isRemote: false,
  deliver: () => ({ response, isAcknowledged: true, isRefused: false, cancel() {} }),
};
const connections = {
  pick: () => connection,
  capacity: () => CAPACITY,
  count: () => 1,
  tenantIds: () => [tenantId],
  wasConnectedRecently: () => true,
  onChange: () => ({ [Symbol.dispose]() {} }),
};
await startOrigin(settings, { originId, connections });
await Deno.stdout.write(new TextEncoder().encode("ready\n"));
