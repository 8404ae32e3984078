import assert from "node:assert/strict";
import type { PresenceEvent } from "./presence_events.ts";
import { makeSecret, Receiver } from "./testing.ts";
import { Webhooks, type WebhookSettings } from "./webhooks.ts";

const OPTIONS = { originId: "o", version: "1", now: Date.now };

const event = (type: PresenceEvent["type"], tenantName: string): PresenceEvent => ({
  type,
  tenantId: "t",
  tenantName,
  atMs: Date.UTC(2026, 0, 2),
});

function settings(url: string, differences: Partial<WebhookSettings> = {}): WebhookSettings {
  const events = ["tenant.online", "tenant.offline"] as const;
  return { url, secret: makeSecret(), events, tenants: [], timeout: 5_000, ...differences };
}

Deno.test("Webhooks send each receiver the events of the tenants it is to hear of", async () => {
  await using all = new Receiver();
  await using offline = new Receiver();
  await using site = new Receiver();
  const webhooks = new Webhooks({
    all: settings(all.url),
    offline: settings(offline.url, { events: ["tenant.offline"] }),
    site: settings(site.url, { tenants: ["SITE", "other"] }),
  }, OPTIONS);
  webhooks.send(event("tenant.online", "Site"));
  webhooks.send(event("tenant.online", "elsewhere"));
  webhooks.send(event("tenant.offline", "elsewhere"));
  await webhooks.close({ timeoutMs: 5_000 });
  const online = (tenantName: string) => ({
    type: "tenant.online",
    timestamp: "2026-01-02T00:00:00.000Z",
    data: { tenantId: "t", tenantName, originId: "o" },
  });
  const left = { ...online("elsewhere"), type: "tenant.offline" };
  assert.deepEqual(all.bodies, [online("Site"), online("elsewhere"), left]);
  assert.deepEqual(offline.bodies, [left]);
  assert.deepEqual(site.bodies, [online("Site")]);
});

Deno.test("Webhooks refuse a secret that is none, without repeating it", () => {
  const make = () => new Webhooks({ crm: settings("http://127.0.0.1", { secret: "letmein" }) }, OPTIONS);
  assert.throws(make, (error: Error) => error instanceof RangeError && !error.message.includes("letmein"));
});
