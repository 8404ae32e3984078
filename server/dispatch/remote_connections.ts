/**
 * What dispatch needs of the connections at other origins.
 *
 * @module
 */

import type { Connection } from "./connections.ts";

/** What became of a request that was asked for: `sent` here, or `gone` because nobody waits for it any more. */
export type PullResult = "sent" | "gone";

/** The connections at other origins, by tenant. */
export interface RemoteConnections {
  /** The least busy way to a connection of the tenant at another origin; `undefined` when none can be reached. */
  pick(tenantId: string): Connection | undefined;
  /** Whether another origin has a connection of the tenant, as far as is known. */
  isConnected(tenantId: string): boolean;
  /** Whether the tenant may have been connected at another origin within the last minute. */
  wasConnectedRecently(tenantId: string): boolean;
  /** Whether other origins can be reached at present. */
  readonly isReachable: boolean;
  /** A way to the connections at one origin, to answer what that origin asked for. */
  through(originId: string, tenantId: string): Connection;
  /**
   * Asks the origin that holds a request to send it here, now.
   *
   * @throws {Error} when that origin does not say anything.
   */
  pull(originId: string, tenantId: string, requestId: string): Promise<PullResult>;
  /** Calls back whenever {@linkcode isConnected} of a tenant may have changed. */
  onChange(listener: (tenantId: string) => void): Disposable;
  /** Calls back whenever {@linkcode isReachable}, or what is known of all tenants, may have changed. */
  onReachable(listener: () => void): Disposable;
}

/** There is no other origin. */
export const NO_REMOTE_CONNECTIONS: RemoteConnections = {
  pick: () => undefined,
  isConnected: () => false,
  wasConnectedRecently: () => false,
  isReachable: true,
  through: () => {
    throw new Error("Cannot reach another origin: there is none");
  },
  pull: () => Promise.resolve("gone"),
  onChange: () => ({ [Symbol.dispose]: () => {} }),
  onReachable: () => ({ [Symbol.dispose]: () => {} }),
};
