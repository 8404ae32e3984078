/**
 * What the metrics ask the server's parts for.
 *
 * @module
 */

/** A connection at this origin. */
export interface MeasuredConnection {
  readonly tenantName: string;
  /** Requests under way on it. */
  readonly inFlight: number;
}

/** Rows on their way to the database. */
export interface MeasuredWriter {
  /** Rows that wait. */
  readonly buffered: number;
  /** Rows written since the start. */
  readonly written: number;
  /** Rows given up since the start. */
  readonly dropped: number;
}

/** The way to other origins. */
export interface MeasuredTransport {
  readonly state: "ready" | "blocked" | "away";
  /** Other origins that are known. */
  readonly peers: number;
  /** Ends of links to them. */
  readonly links: number;
  /** Their requests that are served here. */
  readonly served: number;
}

/** A webhook. */
export interface MeasuredWebhook {
  readonly name: string;
  /** Events that wait. */
  readonly queued: number;
  /** Events delivered since the start. */
  readonly delivered: number;
  /** Attempts that failed since the start. */
  readonly failed: number;
  /** Events given up since the start. */
  readonly dropped: number;
}

/** A job of the maintenance. */
export interface MeasuredJob {
  readonly name: string;
  readonly succeeded: number;
  readonly failed: number;
  /** Rows removed since the start. */
  readonly removed: number;
  /** Milliseconds since 1970; `undefined` when it has not succeeded here yet. */
  readonly succeededAtMs: number | undefined;
}

/** Stored requests. */
export interface MeasuredStorage {
  readonly queued: number;
  readonly dead: number;
  /** When the oldest one that is not dead came, in milliseconds since 1970; `undefined` when there is none. */
  readonly oldestAt: number | undefined;
}

/** Where the values come from; asked when the metrics are read. */
export interface MetricSources {
  /** Whether load balancers may send requests. */
  isReady(): boolean;
  /** Requests under way. */
  requestsInFlight(): number;
  /** Requests that wait for a connection. */
  requestsWaiting(): number;
  /** Requests that are stored until they are settled, of all origins together, as they were a moment ago. */
  storedRequests(): MeasuredStorage;
  connections(): Iterable<MeasuredConnection>;
  /** Connections asked since the start to go to origins with far fewer. */
  shedConnections(): number;
  isDatabaseUp(): boolean;
  /** Whether the body store takes bodies. */
  isBodyStoreUp(): boolean;
  /** The way to other origins. */
  transport(): MeasuredTransport;
  requestLog(): MeasuredWriter;
  /** Statistics entries given up since the start. */
  droppedStatistics(): number;
  webhooks(): Iterable<MeasuredWebhook>;
  maintenance(): Iterable<MeasuredJob>;
}
