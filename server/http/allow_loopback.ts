/**
 * Lets programs on this machine pass without credentials.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { headerValue } from "../../shared/http/headers.ts";
import type { ListenerRequest } from "../listener/listener.ts";

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/i;

/** What a proxy adds. */
const FORWARDED_HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/**
 * Makes a middleware that lets pass what comes from this machine itself. What a proxy on this machine hands on does not.
 *
 * @param otherwise Decides on everything else.
 */
export function allowLoopback<B extends { incoming: ListenerRequest }, E extends { Bindings: B }>(
  otherwise: MiddlewareHandler<E>,
): MiddlewareHandler<E> {
  return (context, next) => isLocal(context.env.incoming) ? next() : otherwise(context, next);
}

function isLocal({ peerAddress, headers }: ListenerRequest): boolean {
  return LOOPBACK.test(peerAddress) && FORWARDED_HEADERS.every((name) => headerValue(headers, name) === undefined);
}
