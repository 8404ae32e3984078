/**
 * The listeners that suites of whole-system tests run against.
 *
 * @module
 */

/** A value of the configuration key `listener`. */
export type ListenerName = "native" | "node";

/** Every listener there is. */
export const LISTENERS: readonly ListenerName[] = ["native", "node"];

/** Registers a test for each listener, which gets what a server with that listener is configured with. */
export function testListeners(
  name: string,
  run: (settings: { readonly listener: ListenerName }) => Promise<void>,
): void {
  for (const listener of LISTENERS) Deno.test(`${listener}: ${name}`, () => run({ listener }));
}

/** How a listener answers what its HTTP parser refuses: status and code, the latter only where the answer is the relay's own. */
export const PARSER_REFUSAL: Readonly<Record<ListenerName, string>> = { native: "400", node: "400 invalid_request" };

/** How a listener answers an HTTP/1.1 request without a `Host`: `native` takes it for one to `localhost`, since it cannot see the version. */
export const HOSTLESS_STATUS: Readonly<Record<ListenerName, number>> = { native: 200, node: 400 };

/** How a listener answers a head that is larger than it takes. */
export const OVERSIZED_HEAD: Readonly<Record<ListenerName, string>> = { native: "400", node: "431 headers_too_large" };
