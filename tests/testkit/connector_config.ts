/**
 * A connector's configuration as its tests read it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ConfigError } from "../../shared/config/config_error.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { nodeOf, type Schema } from "../../shared/config/schema.ts";
import { connectorConfigSchema } from "../../connector/config.ts";

/** What must be set. */
export const REQUIRED = {
  RELAY_CONNECTOR__RELAY_SERVER_BASE_URI: "https://relay.example.com",
  RELAY_CONNECTOR__TENANT_NAME: "acme",
  RELAY_CONNECTOR__TENANT_SECRET: "hunter2",
};

/** The configuration of an environment and of flags. */
export function load(env: Record<string, string> = REQUIRED, flags: Record<string, string> = {}) {
  return loadConfig({ schema: connectorConfigSchema, envPrefix: "RELAY_CONNECTOR", env, flags });
}

/** What is wrong with them: "path: message". */
export function problems(env: Record<string, string>, flags: Record<string, string> = {}): readonly string[] {
  try {
    load(env, flags);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

/** The paths of all keys; what a map holds stands below `*`. */
export function keysOf(schema: Schema, path = ""): readonly string[] {
  const node = nodeOf(schema);
  if (node.type === "value") return [path];
  const children: readonly (readonly [string, Schema])[] = node.type === "map"
    ? [["*", node.value]]
    : Object.entries(node.children);
  return children.flatMap(([key, child]) => keysOf(child, path === "" ? key : `${path}.${key}`));
}
