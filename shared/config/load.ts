/**
 * Loads a program's configuration from all its sources and checks it against its schema.
 *
 * @module
 */

import type { z } from "zod";
import { unknown } from "./closest.ts";
import { ConfigError, type ConfigProblem } from "./config_error.ts";
import { ConfigTree } from "./config_tree.ts";
import { applyEnvironment } from "./environment.ts";
import { REQUIRED } from "./fields.ts";
import { readConfigFile } from "./file.ts";
import { applyFlags } from "./flags.ts";
import { acceptedKeys, nodeAt } from "./schema.ts";

/** Where the configuration comes from. */
export interface LoadConfigOptions<S extends z.ZodType> {
  /** The program's schema, made of the types in `fields.ts`. */
  readonly schema: S;
  /** A `.json`, `.jsonc`, `.yaml` or `.yml` file. */
  readonly file?: string | undefined;
  /** The environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What the variables start with, such as `RELAY_SERVER`; the `__` after it is not part of it. */
  readonly envPrefix: string;
  /** Values by the path of their key, joined by dots. */
  readonly flags?: Readonly<Record<string, string>>;
}

/**
 * Loads the configuration. Later sources win, key by key: defaults, file, environment, flags. `null` and empty variables count as not set.
 *
 * @returns The complete, checked configuration.
 * @throws {ConfigError} With every problem of every source. No message contains a value.
 */
export function loadConfig<S extends z.ZodType>(options: LoadConfigOptions<S>): z.output<S> {
  const { schema, file, env, envPrefix, flags = {} } = options;
  const tree = new ConfigTree(schema);
  const isFileRead = file === undefined || mergeFile(tree, file);
  applyEnvironment(tree, schema, { env, prefix: envPrefix });
  applyFlags(tree, schema, flags);
  const result = schema.safeParse(tree.values, { error: describeIssue });
  const problems = [
    ...tree.problems,
    ...(result.error?.issues.flatMap((issue) => toProblems(schema, tree, issue)) ?? []),
  ];
  // What an unreadable file may have set is not missing.
  const relevant = isFileRead ? problems : problems.filter((problem) => problem.message !== REQUIRED);
  if (relevant.length > 0 || !result.success) throw new ConfigError(relevant);
  return result.data;
}

function mergeFile(tree: ConfigTree, file: string): boolean {
  try {
    tree.merge(readConfigFile(file), file);
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    tree.report(...error.problems);
    return false;
  }
}

/** Messages for what zod itself checks; the field types have their own. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== "invalid_type") return undefined;
  if (issue.input === undefined) return REQUIRED;
  return issue.expected === "object" || issue.expected === "record"
    ? "Expected keys and values"
    : `Expected a ${issue.expected}`;
}

function toProblems(schema: z.ZodType, tree: ConfigTree, issue: z.core.$ZodIssue): ConfigProblem[] {
  const path = issue.path.map(String);
  if (tree.hasFailed(path)) return [];
  if (issue.code === "unrecognized_keys") {
    const node = nodeAt(schema, path);
    const known = node === undefined ? [] : acceptedKeys(node);
    return issue.keys.map((word) => at(tree, [...path, word], unknown("key", { word, known })));
  }
  const message = issue.code === "invalid_key" ? issue.issues[0]?.message ?? issue.message : issue.message;
  return [at(tree, path, message)];
}

function at(tree: ConfigTree, path: readonly string[], message: string): ConfigProblem {
  const source = tree.sourceOf(path);
  const problem = { path: path.join(".") || "(configuration)", message };
  return source === undefined ? problem : { ...problem, source };
}
