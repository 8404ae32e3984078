/**
 * Webhooks: signed calls that tell others when a tenant goes on or off line.
 *
 * @module
 */

export {
  type ConnectedTenants,
  PRESENCE_EVENT_TYPES,
  type PresenceEvent,
  PresenceEvents,
  type PresenceEventsOptions,
  type PresenceEventType,
} from "./presence_events.ts";
export { webhookKey } from "./signature.ts";
export { Webhooks, type WebhookSettings, type WebhooksOptions } from "./webhooks.ts";
