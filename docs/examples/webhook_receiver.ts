/**
 * A receiver of the server's webhooks: checks who sent an event, and that it is new.
 *
 * @module
 */

import { Webhook, WebhookVerificationError } from "standardwebhooks";

/** What the server sends. */
export interface TenantEvent {
  readonly type: "tenant.online" | "tenant.offline";
  /** When it was noticed, as ISO 8601. */
  readonly timestamp: string;
  readonly data: { readonly tenantId: string; readonly tenantName: string; readonly originId: string };
}

/**
 * Makes the handler of an HTTP server.
 *
 * @param secret The webhook's secret, as the server has it.
 * @param onEvent Called once for every event. When it fails, the server sends the event again.
 */
export function createWebhookReceiver(
  secret: string,
  onEvent: (event: TenantEvent) => Promise<void>,
): (request: Request) => Promise<Response> {
  const webhook = new Webhook(secret);
  // For more than one process, or longer than it runs, keep the ids in a database.
  const seenIds = new Set<string>();
  return async (request) => {
    const body = await request.text();
    try {
      webhook.verify(body, Object.fromEntries(request.headers));
    } catch (error) {
      if (error instanceof WebhookVerificationError) return new Response("The signature is wrong", { status: 401 });
      throw error;
    }
    const id = request.headers.get("webhook-id")!;
    if (!seenIds.has(id)) {
      await onEvent(JSON.parse(body) as TenantEvent);
      seenIds.add(id);
    }
    return new Response(null, { status: 204 });
  };
}
