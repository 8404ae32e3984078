/**
 * What a connector knows of itself, for people and monitoring.
 *
 * @module
 */

/** One connection, or the attempt to have it. */
export interface LinkStatus {
  readonly state: "connected" | "connecting" | "stopped";
  /** The server it is connected to, or tries. */
  readonly server: string;
  /** UUID at the server; absent without a connection. */
  readonly connectionId?: string;
  /** RFC 3339; absent without a connection. */
  readonly connectedAt?: string;
  /** Absent until it was measured. */
  readonly roundTripMs?: number;
  /** Requests under way, those of connections that drain included. */
  readonly inFlight: number;
  /** Why the last attempt failed; gone once it is connected. */
  readonly lastFailure?: { readonly at: string; readonly message: string };
}

/** One target. */
export interface TargetState {
  readonly name: string;
  /** `web`, `echo`, `ping`, the path of a module, or `function` for a target in this process. */
  readonly type: string;
  readonly url?: string;
  /** What its checks found; absent when it is not checked. */
  readonly health?: {
    readonly health: "healthy" | "unhealthy" | "unknown";
    readonly since?: number;
    readonly failure?: string;
  };
}

/** What happened since the connector started. */
export interface Counters {
  /** Requests taken from the server. */
  readonly requests: number;
  /** Those of them that no target answered. */
  readonly failed: number;
  /** Connections that were opened. */
  readonly connects: number;
  /** Attempts to open one that failed. */
  readonly connectFailures: number;
}

/** A connector at one moment. Holds no secret. */
export interface ConnectorStatus {
  readonly version: string;
  readonly tenant: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Whether requests can reach it. */
  readonly isConnected: boolean;
  readonly connections: readonly LinkStatus[];
  readonly targets: readonly TargetState[];
  readonly counters: Counters;
}
