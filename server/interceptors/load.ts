/**
 * Loads interceptors from the modules that the configuration names.
 *
 * @module
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError, type ConfigProblem } from "../../shared/config/config_error.ts";
import { explainImportError } from "../../shared/log/describe_error.ts";
import type { Interceptor } from "./interceptor.ts";

const KEYS = ["name", "timeoutMs", "interceptRequest", "interceptResponse"];

/**
 * Loads modules.
 *
 * @param paths Paths of files, from the working directory unless absolute. The default export of each is an interceptor or a list of them.
 * @throws {ConfigError} Names every module that cannot be loaded, and why.
 */
export async function loadInterceptors(paths: readonly string[]): Promise<readonly Interceptor[]> {
  const interceptors: Interceptor[] = [];
  const problems: ConfigProblem[] = [];
  for (const [index, path] of paths.entries()) {
    try {
      interceptors.push(...await loadModule(path));
    } catch (error) {
      problems.push({ path: `interceptors.${index}`, message: `${path}: ${explainImportError(error)}` });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return interceptors;
}

/**
 * Checks an interceptor that came from outside of this program's types.
 *
 * @throws {TypeError} Says what it lacks.
 */
export function checkInterceptor(value: unknown): Interceptor {
  if (typeof value !== "object" || value === null) throw new TypeError("an interceptor must be an object");
  const { name, timeoutMs, interceptRequest, interceptResponse } = value as Record<string, unknown>;
  if (typeof name !== "string" || name === "") throw new TypeError("an interceptor must have a name");
  const functions = [interceptRequest, interceptResponse].filter((member) => member !== undefined);
  if (functions.length === 0 || functions.some((member) => typeof member !== "function")) {
    throw new TypeError(`the interceptor "${name}" must have a function interceptRequest, interceptResponse, or both`);
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs > 0)) {
    throw new TypeError(`timeoutMs of the interceptor "${name}" must be a number above 0`);
  }
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  const unknown = isPlain ? Object.keys(value).find((key) => !KEYS.includes(key)) : undefined;
  if (unknown !== undefined) {
    throw new TypeError(`the interceptor "${name}" has "${unknown}", which is not one of ${KEYS.join(", ")}`);
  }
  return value as Interceptor;
}

async function loadModule(path: string): Promise<Interceptor[]> {
  const { default: exported } = await import(pathToFileURL(resolve(path)).href) as { default?: unknown };
  if (exported === undefined) throw new TypeError("it has no default export");
  return (Array.isArray(exported) ? exported : [exported]).map(checkInterceptor);
}
