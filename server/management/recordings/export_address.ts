/**
 * The address at which a recorded request was sent, for exports.
 *
 * @module
 */

import { headerValue } from "../../../shared/http/headers.ts";
import type { RecordedHead } from "../../persistence/mod.ts";

/** Where the server can be reached. */
export interface ServerAddress {
  /** Base of every address, without a slash at the end, if it is configured. */
  readonly publicUrl: string | undefined;
  readonly scheme: "http" | "https";
}

const RELAY_ROUTE = /^\/(?:relay|trace|queue)\//;

/** The URL of a recorded request, a byte string. Hosts of targets have no other name than the one that was asked. */
export function urlOf({ path, headers }: RecordedHead, { publicUrl, scheme }: ServerAddress): string {
  const host = headerValue(headers, "host") ?? "localhost";
  const base = publicUrl !== undefined && RELAY_ROUTE.test(path) ? publicUrl : `${scheme}://${host}`;
  return base + path;
}
