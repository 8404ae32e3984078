/**
 * What dispatch needs of the connections at this origin.
 *
 * @module
 */

import type { RelayRequest } from "../../shared/http/message.ts";
import type { Delivery, DeliveryOptions } from "../../shared/protocol/exchange.ts";

/** What is known of the connector behind a connection. */
export interface ConnectorFacts {
  readonly version: string;
  readonly machineName: string;
}

/** One connection of a tenant's connector. */
export interface Connection {
  /** UUID. */
  readonly id: string;
  readonly connector: ConnectorFacts;
  /** UUID of the origin it is connected to. */
  readonly originId: string;
  /** Whether it stands for the connections of another origin, whose responses say which one brought them. */
  readonly isRemote: boolean;
  /** Hands a request over. Only for a connection that was just picked. */
  deliver(request: RelayRequest, options: DeliveryOptions): Delivery;
}

/** The connections at this origin, by tenant. */
export interface LocalConnections {
  /** The open connection with the fewest deliveries under way; `undefined` when none has room. */
  pick(tenantId: string): Connection | undefined;
  /** How many more deliveries the tenant's open connections take; `undefined` when none is open. */
  capacity(tenantId: string): number | undefined;
  /** Whether the tenant has been connected here within the last minute. */
  wasConnectedRecently(tenantId: string): boolean;
  /** Calls back whenever a tenant's capacity may have changed: opened, lost, or a delivery ended. */
  onChange(listener: (tenantId: string) => void): Disposable;
}
