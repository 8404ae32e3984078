/**
 * Reads tenant, target and path from a raw request target.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { hasDotSegments } from "../../shared/http/path.ts";

/** Routes whose path names a tenant and a target. */
export type RelayRoute = "relay" | "trace";

/** Whom a request is for. */
export interface RelayAddress {
  readonly route: RelayRoute;
  /** Name of the tenant, as the client spelled it. */
  readonly tenant: string;
  /** Name of the target, as the client spelled it. */
  readonly target: string;
  /** What follows the target, query included, byte for byte; empty, or starts with `/` or `?`. */
  readonly path: string;
}

const ADDRESS = /^\/(relay|trace)\/([^/?]+)\/([^/?]+)([/?].*)?$/s;
const ROUTE = /^\/(?:relay|trace)(?:[/?]|$)/;

/** Whether a request target belongs to the relay, well-formed or not. */
export function isRelayTarget(target: string): boolean {
  return ROUTE.test(target);
}

/**
 * Takes a request target apart. Nothing is decoded but the two names.
 *
 * @param requestTarget `/relay/{tenant}/{target}/{path}?{query}`, raw.
 * @throws {RelayError} `not_found` when it names no tenant and target; `invalid_request` for malformed escapes in a name and for a path that
 * would leave the target's base URL.
 */
export function parseAddress(requestTarget: string): RelayAddress {
  const match = ADDRESS.exec(requestTarget);
  if (match === null) throw new RelayError("not_found", "The address names no tenant and target");
  const [, route, tenant, target, path = ""] = match;
  if (hasDotSegments(path)) throw new RelayError("invalid_request", "The path has a dot segment");
  return { route: route as RelayRoute, tenant: decodeName(tenant!), target: decodeName(target!), path };
}

function decodeName(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch (cause) {
    throw new RelayError("invalid_request", "A name in the address has a malformed escape", { cause });
  }
}
