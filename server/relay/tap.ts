/**
 * Lets somebody see whole messages of relayed requests. While nobody wants to, a request costs the look at one boolean.
 *
 * @module
 */

import type { Body, RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import type { RelayedRequest } from "./observer.ts";

/** What a tap knows of a request before it is read. */
export interface TappedRequest {
  readonly request: ListenerRequest;
  /** UUID. */
  readonly tenantId: string;
  readonly target: string;
  /** What follows the target, query included. */
  readonly path: string;
}

/** Decides which requests are seen. */
export interface RelayTap {
  /** Whether it may want any request now. */
  readonly isOn: boolean;
  /** Begins to see a request; `undefined` when it is not wanted. Must not throw. */
  open(request: TappedRequest): ExchangeTap | undefined;
}

/**
 * Sees one request. Whoever gives it a message with a body goes on with the body that it gives back, which holds the same bytes and produces
 * them only when somebody reads. Its methods must not throw.
 */
export interface ExchangeTap {
  /** The body as the client sends it. Is not called for a request that is refused before. */
  clientBody(body: Body): Body;
  /** The request as it goes to the target. */
  targetRequest(request: RelayRequest): Body;
  /** The response as it comes from the target. */
  targetResponse(response: RelayResponse): Body;
  /** The response as it goes to the client, the relay's own answers included. */
  clientResponse(response: RelayResponse): Body;
  /** It is over, and its bodies have ended, were broken off or will never be read. */
  ended(request: RelayedRequest): void;
}

/** For relays that nobody looks into. */
export const NO_TAP: RelayTap = { isOn: false, open: () => undefined };
