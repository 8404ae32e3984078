/**
 * An origin whose requests are for a tenant that is connected elsewhere. Reads `{ settings, tenantId, isStored, requestBytes }` from its first
 * argument, and waits until that tenant is known; see `calls.ts` for the rest.
 *
 * @module
 */

import { ConnectionRegistry } from "../../server/connectors/registry.ts";
import { sleep } from "../../shared/time/sleep.ts";
import { serveCalls } from "./calls.ts";
import { startOrigin } from "./origin.ts";

const POLL_MS = 50;
const EXPIRES_IN_MS = 10_000;

const { settings, tenantId, isStored, requestBytes } = JSON.parse(Deno.args[0] ?? "");
const { delivery: { dispatcher }, storage } = await startOrigin(settings, {
  originId: crypto.randomUUID(),
  connections: new ConnectionRegistry(),
});
const body = new Uint8Array(requestBytes).fill(0x78);

function newRequest() {
  const headers = [["content-type", "text/plain"], ["content-length", String(requestBytes)]] as const;
  return { requestId: crypto.randomUUID(), method: "POST", target: "web", path: "/small", headers, body };
}

async function call(): Promise<void> {
  const options = { trace: false, expiresInMs: EXPIRES_IN_MS, requireActiveConnection: true };
  await dispatcher.dispatch(tenantId, newRequest(), options).response;
}

async function callStored(): Promise<void> {
  const details = { mode: "connectorFinished", isTraced: false, acknowledgeBase: "http://127.0.0.1" } as const;
  const request = { tenantId, request: newRequest(), ...details };
  const dispatch = await storage.requests.dispatch(request, { requireActiveConnection: true });
  await dispatch.response;
}

while (!dispatcher.isReachable(tenantId)) await sleep(POLL_MS);
serveCalls(isStored ? callStored : call);
