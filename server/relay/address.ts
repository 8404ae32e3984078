/**
 * Reads tenant, target and path from a raw request target.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { hasDotSegments } from "../../shared/http/path.ts";

/** Routes whose path names a tenant and a target. */
export type RelayRoute = "relay" | "queue" | "trace";

/** Whom a request is for. */
export interface RelayAddress {
  readonly route: RelayRoute;
  /** Name of the tenant, as the client spelled it. */
  readonly tenant: string;
  /** Name of the target, as the client spelled it. */
  readonly target: string;
  /** What follows the target, query included, byte for byte; empty, or starts with `/` or `?`. */
  readonly path: string;
  /** The domain whose hosts are targets, when the host named tenant and target (see `host_address.ts`). */
  readonly baseDomain?: string;
}

/** Where a request says whom it is for. */
export interface AddressSource {
  /** The value of `Host`. */
  readonly host: string;
  /** Path and query, raw. */
  readonly target: string;
}

/** Reads an address, and throws a `RelayError` where there is none. */
export type AddressReader = (source: AddressSource) => RelayAddress;

const ADDRESS = /^\/(relay|queue|trace)\/([^/?]+)\/([^/?]+)([/?].*)?$/s;
/** What names are made of, dot segments left out. Others exist nowhere, and must get neither into a log nor to a connector. */
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;
const ROUTE = /^\/(?:relay|queue|trace)(?:[/?]|$)/;

/** Whether a request target belongs to the relay, well-formed or not. */
export function isRelayTarget(target: string): boolean {
  return ROUTE.test(target);
}

/**
 * Takes a request target `/relay/{tenant}/{target}/{path}?{query}` apart. Nothing is decoded but the two names.
 *
 * @throws {RelayError} `not_found` when it names no tenant and target; `tenant_unknown` or `target_unknown` for what cannot be a name;
 * `invalid_request` for malformed escapes in a name and for a path that would leave the target's base URL.
 */
export function parseAddress({ target: requestTarget }: Pick<AddressSource, "target">): RelayAddress {
  const match = ADDRESS.exec(requestTarget);
  if (match === null) throw new RelayError("not_found", "The address names no tenant and target");
  const [, route, rawTenant, rawTarget, path = ""] = match;
  checkPath(path);
  const tenant = decodeName(rawTenant!);
  const target = decodeName(rawTarget!);
  if (!NAME.test(tenant)) throw new RelayError("tenant_unknown", "There is no such tenant");
  if (!NAME.test(target)) throw new RelayError("target_unknown", "There is no such target");
  return { route: route as RelayRoute, tenant, target, path };
}

/** @throws {RelayError} `invalid_request` for a path that would leave the target's base URL. */
export function checkPath(path: string): void {
  if (hasDotSegments(path)) throw new RelayError("invalid_request", "The path has a dot segment");
}

function decodeName(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch (cause) {
    throw new RelayError("invalid_request", "A name in the address has a malformed escape", { cause });
  }
}
