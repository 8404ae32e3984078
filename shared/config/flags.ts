/**
 * Configuration from flags: `--limits.bodyIdleTimeout=30s` is the key `limits.bodyIdleTimeout`.
 *
 * @module
 */

import { unknown } from "./closest.ts";
import type { ConfigTree } from "./config_tree.ts";
import { acceptedKeys, childOf, nodeAt, nodeOf, type Schema, secretReadBy } from "./schema.ts";

/**
 * Takes every flag. Secrets are refused: a flag shows in the process list.
 *
 * @param tree Takes the values and the problems.
 * @param schema The program's schema.
 * @param flags Values by the path of their key, joined by dots.
 */
export function applyFlags(tree: ConfigTree, schema: Schema, flags: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(flags)) {
    const path = name.split(".");
    const source = `--${name}`;
    const parent = nodeAt(schema, path.slice(0, -1));
    const secretKey = parent && secretReadBy(parent, path.at(-1)!);
    const node = nodeAt(schema, path);
    if (secretKey !== undefined) {
      tree.setFromFile([...path.slice(0, -1), secretKey], { file: text, source, namedBy: path });
    } else if (node === undefined || path.includes("")) {
      tree.report({
        path: source,
        message: unknown("flag", { word: name, known: flagNames(schema), start: "--" }),
      });
    } else if (node.type === "value" && (node.kind === "secret" || node.kind === "proxy" && text.includes("@"))) {
      const message = "Cannot be given as a flag, which the process list shows: use a file or an environment variable";
      tree.fail(path, { path: name, message, source });
    } else {
      tree.setText(path, text, source);
    }
  }
}

/** Whether a flag's name is the path of a key, or of the key that names a secret's file. */
export function isConfigFlag(schema: Schema, name: string): boolean {
  const path = name.split(".");
  const parent = nodeAt(schema, path.slice(0, -1));
  return nodeAt(schema, path) !== undefined || parent !== undefined && secretReadBy(parent, path.at(-1)!) !== undefined;
}

function* flagNames(schema: Schema, start = ""): Generator<string> {
  const node = nodeOf(schema);
  for (const key of acceptedKeys(node)) {
    yield start + key;
    const child = childOf(node, key);
    if (child !== undefined) yield* flagNames(child, `${start}${key}.`);
  }
}
