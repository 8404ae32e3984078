/**
 * Tells receivers elsewhere what happens to tenants.
 *
 * @module
 */

import type { PresenceEvent, PresenceEventType } from "./presence_events.ts";
import { webhookKey } from "./signature.ts";
import { Webhook } from "./webhook.ts";

/** A receiver as it is configured. */
export interface WebhookSettings {
  readonly url: string;
  /** `whsec_` and a key in base64. */
  readonly secret: string;
  readonly events: readonly PresenceEventType[];
  /** Names of the tenants it hears of; none stands for all. */
  readonly tenants: readonly string[];
  /** How long it may take, in milliseconds. */
  readonly timeout: number;
}

/** What {@link Webhooks} work with. */
export interface WebhooksOptions {
  readonly originId: string;
  readonly version: string;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

interface Subscription {
  readonly webhook: Webhook;
  readonly events: ReadonlySet<PresenceEventType>;
  /** In lower case; empty for all. */
  readonly tenants: ReadonlySet<string>;
}

/** All webhooks of a server. */
export class Webhooks {
  readonly #subscriptions: readonly Subscription[];
  readonly #originId: string;

  /**
   * @param settings By the names under which logs and metrics know them.
   * @throws {RangeError} When a secret is none.
   */
  constructor(settings: Readonly<Record<string, WebhookSettings>>, { originId, version, now }: WebhooksOptions) {
    this.#originId = originId;
    this.#subscriptions = Object.entries(settings).map(([name, { url, secret, events, tenants, timeout }]) => {
      const key = webhookKey(secret);
      if (key === undefined) throw new RangeError(`Cannot make webhook ${name}: its secret is not whsec_ and base64`);
      return {
        webhook: new Webhook({ name, url, key, timeoutMs: timeout, now, version }),
        events: new Set(events),
        tenants: new Set(tenants.map((tenant) => tenant.toLowerCase())),
      };
    });
  }

  /** Each of them, for metrics. */
  list(): readonly Webhook[] {
    return this.#subscriptions.map(({ webhook }) => webhook);
  }

  /** Queues an event for those who want it. */
  send({ type, tenantId, tenantName, atMs }: PresenceEvent): void {
    const payload = {
      type,
      timestamp: new Date(atMs).toISOString(),
      data: { tenantId, tenantName, originId: this.#originId },
    };
    for (const { webhook, events, tenants } of this.#subscriptions) {
      if (!events.has(type)) continue;
      if (tenants.size === 0 || tenants.has(tenantName.toLowerCase())) webhook.send(payload);
    }
  }

  /**
   * Takes no more, and delivers what is left.
   *
   * @param timeoutMs How long that may take; what is not delivered by then is given up.
   */
  async close({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    await Promise.all(this.list().map((webhook) => webhook.close({ timeoutMs })));
  }
}
