/**
 * A site with interceptors, and short ways to write them.
 *
 * @module
 */

import type { Interceptor } from "../../server/mod.ts";
import type { TestTargets } from "./connector.ts";
import type { ServerOverrides } from "./server.ts";
import { type Site, startSite } from "./site.ts";

/** Starts a site whose target `app` sends back what it gets, with a header `X-Target`. */
export function startIntercepted(
  interceptors: readonly Interceptor[],
  targets: TestTargets = {},
  overrides: ServerOverrides = {},
): Promise<Site> {
  const echo = async (request: Request) => new Response(await request.text(), { headers: { "X-Target": "yes" } });
  return startSite({ app: echo, ...targets }, overrides, { interceptors });
}

/** An interceptor of requests only. */
export function onRequest(interceptRequest: NonNullable<Interceptor["interceptRequest"]>, name = "test"): Interceptor {
  return { name, interceptRequest };
}

/** An interceptor of responses only. */
export function onResponse(
  interceptResponse: NonNullable<Interceptor["interceptResponse"]>,
  name = "test",
): Interceptor {
  return { name, interceptResponse };
}

/** A body that comes in parts. */
export function parts(...texts: readonly string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(texts.map((text) => new TextEncoder().encode(text)));
}
