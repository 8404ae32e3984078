/**
 * What a tenant's settings mean for its connections.
 *
 * @module
 */

import type { ConnectionSettings } from "../../shared/protocol/handshake_heads.ts";
import type { Tenant } from "../persistence/tenants.ts";

/** Requests a connection takes at once when its tenant does not say. */
const DEFAULT_CAPACITY = 256;

/** What holds on one connection. */
export interface AppliedSettings {
  /** Told to the connector. */
  readonly settings: ConnectionSettings;
  /** Requests it takes at once. */
  readonly capacity: number;
}

/** A tenant's settings, and the server's where it has none. */
export function settingsOf(tenant: Tenant, defaults: ConnectionSettings): AppliedSettings {
  const reconnectMinimumDelayMs = tenant.reconnectMinimumDelayMs ?? defaults.reconnectMinimumDelayMs;
  return {
    settings: {
      ...defaults,
      keepAliveIntervalMs: tenant.keepAliveIntervalMs ?? defaults.keepAliveIntervalMs,
      reconnectMinimumDelayMs,
      reconnectMaximumDelayMs: Math.max(
        reconnectMinimumDelayMs,
        tenant.reconnectMaximumDelayMs ?? defaults.reconnectMaximumDelayMs,
      ),
    },
    capacity: tenant.maximumConcurrentConnectorRequests || DEFAULT_CAPACITY,
  };
}

/** Whether a connector would have to be told of a difference. */
export function isSameSettings(one: ConnectionSettings, other: ConnectionSettings): boolean {
  return one.keepAliveIntervalMs === other.keepAliveIntervalMs &&
    one.inlineBodyLimitBytes === other.inlineBodyLimitBytes &&
    one.reconnectMinimumDelayMs === other.reconnectMinimumDelayMs &&
    one.reconnectMaximumDelayMs === other.reconnectMaximumDelayMs;
}
