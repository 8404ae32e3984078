/**
 * Configuration from environment variables: `PREFIX__LIMITS__BODY_IDLE_TIMEOUT` is the key `limits.bodyIdleTimeout`.
 *
 * @module
 */

import { unknown } from "./closest.ts";
import type { ConfigTree } from "./config_tree.ts";
import { acceptedKeys, childOf, type ConfigNode, nodeOf, type Schema } from "./schema.ts";

const FILE_SUFFIX = "_FILE";

/**
 * Takes every variable that starts with the prefix. An empty variable counts as not set.
 *
 * @param tree Takes the values and the problems.
 * @param schema The program's schema: a segment is the key whose upper snake case it is, or in a map the key in lower case.
 * @param env The environment.
 * @param prefix What the names start with, without the `__` after it, such as `RELAY_SERVER`.
 */
export function applyEnvironment(
  tree: ConfigTree,
  schema: Schema,
  { env, prefix }: { env: Readonly<Record<string, string>>; prefix: string },
): void {
  const start = `${prefix}__`;
  const names = Object.keys(env).filter((name) => name.startsWith(start) && env[name] !== "").sort();
  for (const name of names) {
    const segments = name.slice(start.length).split("__");
    const direct = resolve(schema, segments);
    const base = resolve(schema, withoutFileSuffix(segments));
    // In a map every segment is a possible key, so there the suffix decides.
    if (base !== undefined && (direct === undefined || direct.isFreeKey)) {
      readFrom(tree, { name, env, path: base.path });
    } else if (direct !== undefined) {
      tree.setText(direct.path, env[name]!, name);
    } else {
      const word = name.slice(start.length);
      const message = unknown("environment variable", { word, known: variableNames(schema), start });
      tree.report({ path: name, message });
    }
  }
}

function readFrom(
  tree: ConfigTree,
  { name, env, path }: { name: string; env: Readonly<Record<string, string>>; path: readonly string[] },
): void {
  const valueName = name.slice(0, -FILE_SUFFIX.length);
  if ((env[valueName] ?? "") !== "") {
    tree.report({
      path: path.join("."),
      message: `Only one of ${valueName} and ${name} can be set`,
      source: name,
    });
  } else {
    tree.setFromFile(path, { file: env[name]!, source: name });
  }
}

interface Resolved {
  readonly path: readonly string[];
  /** Whether the last key is one that a user chose. */
  readonly isFreeKey: boolean;
}

function resolve(schema: Schema, segments: readonly string[] | undefined): Resolved | undefined {
  if (segments === undefined || segments.includes("")) return undefined;
  const path: string[] = [];
  let node = nodeOf(schema);
  let isFreeKey = false;
  for (const segment of segments) {
    isFreeKey = node.type === "map";
    const key = isFreeKey ? segment.toLowerCase() : keyFor(node, segment);
    const child = key === undefined ? undefined : childOf(node, key);
    if (key === undefined || child === undefined) return undefined;
    path.push(key);
    node = nodeOf(child);
  }
  return { path, isFreeKey };
}

function keyFor(node: ConfigNode, segment: string): string | undefined {
  return node.type === "section" ? Object.keys(node.children).find((key) => upperSnake(key) === segment) : undefined;
}

function withoutFileSuffix(segments: readonly string[]): readonly string[] | undefined {
  const last = segments.at(-1) ?? "";
  return last.endsWith(FILE_SUFFIX) ? [...segments.slice(0, -1), last.slice(0, -FILE_SUFFIX.length)] : undefined;
}

/** The names that can be listed, after the prefix: those of maps only up to the map. */
function* variableNames(schema: Schema): Generator<string> {
  const node = nodeOf(schema);
  for (const key of acceptedKeys(node)) {
    yield upperSnake(key);
    const child = childOf(node, key);
    for (const below of child === undefined ? [] : variableNames(child)) yield `${upperSnake(key)}__${below}`;
  }
}

/** `publicUrl` as `PUBLIC_URL`. */
export function upperSnake(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();
}
