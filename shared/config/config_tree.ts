/**
 * The values of all sources on their way to the schema: later ones replace earlier ones key by key, and each remembers its source.
 *
 * @module
 */

import type { ConfigProblem } from "./config_error.ts";
import { reasonUnreadable } from "./file.ts";
import { childOf, type ConfigNode, nodeAt, nodeOf, type Schema, secretReadBy } from "./schema.ts";

type Branch = { [key: string]: unknown };

/** Collects values by path; what is wrong with them is collected as well instead of thrown. */
export class ConfigTree {
  readonly #schema: Schema;
  readonly #root: Branch = branch();
  /** Those with the value of a key have the key's path. */
  #problems: { readonly key?: string; readonly problem: ConfigProblem }[] = [];
  readonly #sources = new Map<string, string>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** The values collected so far, as the schema takes them. */
  get values(): unknown {
    return this.#root;
  }

  /** What went wrong while values were collected. */
  get problems(): readonly ConfigProblem[] {
    return this.#problems.map(({ problem }) => problem);
  }

  /** The source of the value at a path, or of the nearest list or section above it. */
  sourceOf(path: readonly string[]): string | undefined {
    return this.#sources.get(path.join(".")) ?? (path.length > 0 ? this.sourceOf(path.slice(0, -1)) : undefined);
  }

  /** Whether a value was given for a key but could not be had; that it is missing then says nothing. */
  hasFailed(path: readonly string[]): boolean {
    return this.#problems.some(({ key }) => key === path.join("."));
  }

  /** Notes a problem with the value of a key. It is none any more when a later source gives another value. */
  fail(path: readonly string[], problem: ConfigProblem): void {
    this.#problems.push({ key: path.join("."), problem });
  }

  /** Notes a problem that is not of one key's value. */
  report(...problems: readonly ConfigProblem[]): void {
    this.#problems.push(...problems.map((problem) => ({ problem })));
  }

  /**
   * Takes the keys of a section or map, and all below it. `null` counts as not set.
   *
   * @param values What a file, or JSON in a variable, contains.
   * @param source What to name as their source.
   * @param path Where they belong; the root unless told otherwise.
   */
  merge(values: Record<string, unknown>, source: string, path: readonly string[] = []): void {
    const { node, target } = this.#open(path);
    for (const [key, value] of Object.entries(values)) {
      if (value === null || value === undefined) continue;
      const secretKey = secretReadBy(node, key);
      if (secretKey === undefined) {
        this.#put(node, target, { path: [...path, key], value, source });
      } else if (Object.hasOwn(values, secretKey)) {
        const message = `Only one of ${secretKey} and ${key} can be set`;
        this.fail([...path, secretKey], { path: [...path, key].join("."), message, source });
      } else {
        this.setFromFile([...path, secretKey], { file: String(value), source, namedBy: [...path, key] });
      }
    }
  }

  /**
   * Takes a value that is text, as variables, flags and secret files give it. For a section or a map the text is JSON.
   *
   * @param path The key. A key of a map that differs only in case from one that is there already means that one.
   */
  setText(path: readonly string[], text: string, source: string): void {
    const isValue = nodeAt(this.#schema, path)?.type === "value";
    const value = isValue ? text : parseObject(text);
    if (value === undefined) {
      return this.fail(path, { path: path.join("."), message: "Expected a JSON object", source });
    }
    const parent = this.#open(path.slice(0, -1));
    const key = existingKey(parent, path.at(-1)!);
    this.#put(parent.node, parent.target, { path: [...parent.path, key], value, source });
  }

  /**
   * Takes one value from a file that a source names, without the line break at its end.
   *
   * @param path The key that gets the value.
   * @param from The file, which is never repeated in a message: who mistakes the key for the secret itself must not find it in a log; and
   * what to name in a problem.
   */
  setFromFile(
    path: readonly string[],
    { file, source, namedBy = path }: { file: string; source: string; namedBy?: readonly string[] },
  ): void {
    try {
      this.setText(path, Deno.readTextFileSync(file).replace(/\r?\n$/, ""), source);
    } catch (cause) {
      const message = `Cannot read the file that is named here: ${reasonUnreadable(cause)}`;
      this.fail(path, { path: namedBy.join("."), message, source });
    }
  }

  #put(
    node: ConfigNode,
    target: Branch,
    { path, value, source }: { path: readonly string[]; value: unknown; source: string },
  ): void {
    const key = path.at(-1)!;
    const child = childOf(node, key);
    const name = path.join(".");
    this.#sources.set(name, source);
    this.#problems = this.#problems.filter(({ key, problem }) => key !== name || problem.source === source);
    if (child !== undefined && nodeOf(child).type !== "value" && isBranch(value)) {
      if (!isBranch(target[key])) target[key] = branch();
      this.merge(value, source, path);
    } else {
      target[key] = value;
    }
  }

  #open(path: readonly string[]): { node: ConfigNode; target: Branch; path: readonly string[] } {
    let place = { node: nodeOf(this.#schema), target: this.#root, path: [] as readonly string[] };
    for (const segment of path) {
      const key = existingKey(place, segment);
      const child = childOf(place.node, key);
      const existing = place.target[key] ??= branch();
      // A plain value where a section belongs stays, for the schema to refuse it.
      const target = isBranch(existing) ? existing : branch();
      place = {
        node: child === undefined ? { type: "value", kind: undefined } : nodeOf(child),
        target,
        path: [...place.path, key],
      };
    }
    return place;
  }
}

function existingKey({ node, target }: { node: ConfigNode; target: Branch }, key: string): string {
  if (node.type !== "map" || Object.hasOwn(target, key)) return key;
  return Object.keys(target).find((existing) => existing.toLowerCase() === key.toLowerCase()) ?? key;
}

function parseObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isBranch(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Without a prototype, so that a key such as `__proto__` is a key like any other. */
function branch(): Branch {
  return Object.create(null);
}

function isBranch(value: unknown): value is Branch {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
