/**
 * Targets from modules: a file of the user's own that a target's `type` names.
 *
 * @module
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { explainImportError } from "../../shared/log/describe_error.ts";
import type { FetchHandler } from "./fetch_handler.ts";

/**
 * Loads a handler from a module.
 *
 * @param path File, relative to the working directory, or a `file:` URL. Its default export is a fetch handler, or an object with a `fetch`
 * method (a Hono app).
 * @throws {TypeError} when the module cannot be loaded, or exports something else.
 *
 * @example A module
 * ```ts ignore
 * export default { fetch: (request: Request) => new Response(`You asked for ${new URL(request.url).pathname}`) };
 * ```
 */
export async function loadFetchHandler(path: string): Promise<FetchHandler> {
  const url = path.startsWith("file:") ? path : pathToFileURL(resolve(path)).href;
  let loaded: { readonly default?: unknown };
  try {
    loaded = await import(url);
  } catch (cause) {
    throw new TypeError(`Cannot load target module: ${path}: ${explainImportError(cause)}`, { cause });
  }
  const exported = loaded.default;
  if (isHandler(exported)) return exported;
  if (hasFetch(exported)) return (request, context) => exported.fetch(request, context);
  throw new TypeError(`Cannot load target module: ${path} has no fetch handler as default export`);
}

function isHandler(value: unknown): value is FetchHandler {
  return typeof value === "function";
}

function hasFetch(value: unknown): value is { readonly fetch: FetchHandler } {
  return typeof value === "object" && value !== null && "fetch" in value && typeof value.fetch === "function";
}
