/**
 * What the drivers tell about the database they talk to.
 *
 * @module
 */

import type { PersistenceError } from "./errors.ts";

/** Hears whether the database answers. Called with every query: must not throw, and must be quick. */
export interface QueryObserver {
  /** Whether a query may be sent; otherwise it fails at once. Keeps everybody from waiting for a database that is known to be away. */
  mayAsk(): boolean;
  /** A query was answered, if only with an error of its own. */
  answered(): void;
  /** A query met `database_unavailable`. */
  unavailable(error: PersistenceError): void;
  /** A connection that nobody was using has ended. */
  connectionLost(): void;
}
