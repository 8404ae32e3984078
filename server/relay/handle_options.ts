/**
 * How one request is handled, where it is not a client's own.
 *
 * @module
 */

import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type { AddressReader } from "./address.ts";
import type { RelayedRequest } from "./observer.ts";

/** How a request is handled. */
export interface HandleOptions {
  /** Says whom it is for; without it the path does. */
  readonly readAddress?: AddressReader;
  /** Set for a request that somebody sends who may change the tenant: no authentication and no access policy is in the way. */
  readonly operator?: OperatorRequest;
}

/** Hears what becomes of a request that management sends. Must not throw. */
export interface OperatorRequest {
  /** The target has answered; the time it took is measured. */
  answered(response: DispatchedResponse): void;
  /** It is over. */
  ended(request: RelayedRequest): void;
}
