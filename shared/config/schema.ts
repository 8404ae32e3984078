/**
 * Walks a configuration schema: which keys a section has, what stands below a key. The sources need it to find their way to a key, and
 * {@link maskedConfig} to know what it shows.
 *
 * @module
 */

import { z } from "zod";
import { type FieldKind, fieldKinds } from "./fields.ts";

/** Any schema of zod. */
export type Schema = z.core.$ZodType;

/** What stands at a place of the configuration. */
export type ConfigNode =
  | { readonly type: "section"; readonly children: Readonly<Record<string, Schema>> }
  | { readonly type: "map"; readonly value: Schema }
  | { readonly type: "value"; readonly kind: FieldKind | undefined };

/** What a schema stands for, without the wrappers for defaults and optional keys. */
export function nodeOf(schema: Schema): ConfigNode {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return { type: "section", children: inner.shape };
  if (inner instanceof z.ZodRecord) return { type: "map", value: inner.valueType };
  return { type: "value", kind: fieldKinds.get(inner)?.kind };
}

/** The schema inside the wrappers for defaults, optional keys and text forms. */
export function unwrap(schema: Schema): Schema {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap());
  }
  if (!(schema instanceof z.ZodPipe)) return schema;
  return unwrap(schema.out instanceof z.ZodTransform ? schema.in : schema.out);
}

/** What stands at a path, or `undefined` when the schema has no such path. */
export function nodeAt(schema: Schema, path: readonly string[]): ConfigNode | undefined {
  let node = nodeOf(schema);
  for (const key of path) {
    const child = childOf(node, key);
    if (child === undefined) return undefined;
    node = nodeOf(child);
  }
  return node;
}

/** The schema of a key below a node. */
export function childOf(node: ConfigNode, key: string): Schema | undefined {
  if (node.type === "map") return node.value;
  return node.type === "section" && Object.hasOwn(node.children, key) ? node.children[key] : undefined;
}

/** The names a section takes: its keys, and for each secret the key that names a file with it. */
export function acceptedKeys(node: ConfigNode): readonly string[] {
  if (node.type !== "section") return [];
  return Object.entries(node.children).flatMap(([key, child]) => isSecret(child) ? [key, `${key}File`] : [key]);
}

/** The secret that a key such as `tenantSecretFile` reads from a file, or `undefined` when it is no such key. */
export function secretReadBy(node: ConfigNode, key: string): string | undefined {
  if (node.type !== "section" || Object.hasOwn(node.children, key) || !key.endsWith("File")) return undefined;
  const secretKey = key.slice(0, -"File".length);
  const child = childOf(node, secretKey);
  return child !== undefined && isSecret(child) ? secretKey : undefined;
}

function isSecret(schema: Schema): boolean {
  const node = nodeOf(schema);
  return node.type === "value" && node.kind === "secret";
}
