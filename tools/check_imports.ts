/**
 * Proves the import direction of `docs/architecture.md`: part of `deno task check`. The tables at the top are the rules; everything below
 * them only applies them. Prints one line `file:line: rule: what is wrong` per violation and exits with 1 when there is one.
 *
 * @module
 */

import { join } from "node:path";
import { type Import, type Module, readImportGraph } from "./import_graph.ts";

/** What each top folder may import. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  shared: ["shared"],
  server: ["server", "shared"],
  connector: ["connector", "shared"],
  tools: ["tools", "server", "connector", "shared"],
  docs: ["docs", "server", "connector", "shared"],
  tests: ["tests", "docs", "tools", "server", "connector", "shared"],
  bench: ["bench", "tests", "tools", "server", "connector", "shared"],
};

/**
 * The order inside a program, top line first. Code of one entry may import that entry and every line below, never a line above and never a
 * neighbour on its own line. Entries that end with `/` are folders.
 */
const LAYERS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  server: [
    ["main.ts", "mod.ts"],
    ["cli/"],
    ["server.ts"],
    ["composition.ts"],
    ["storage.ts", "components.ts"],
    [
      "access.ts",
      "authentication.ts",
      "delivery.ts",
      "ended_requests.ts",
      "observation.ts",
      "operation.ts",
      "recording.ts",
    ],
    ["config/", "http/"],
    ["maintenance/", "metrics/", "webhooks/"],
    ["statistics/", "recordings/"],
    ["relay/", "connectors/", "management/", "cluster/"],
    ["queue/"],
    ["dispatch/", "listener/", "policy/", "interceptors/"],
    ["auth/"],
    ["transport/", "body_store/", "persistence/"],
  ],
  connector: [
    ["main.ts", "mod.ts"],
    ["cli/"],
    ["connector.ts"],
    ["config.ts"],
    ["diagnose/"],
    ["connection/", "service/"],
    ["targets/", "status/"],
  ],
};

/** Composition roots: their own line above forbids them to everybody below, but a test may start the whole program. */
const ROOTS = ["server/server.ts", "connector/connector.ts"];

/** Folders that run wherever the web platform is: no `Deno`, no `node:`, no sockets, directly or through what they load. */
const WEB_ONLY = ["shared/protocol/", "shared/http/", "server/relay/", "server/policy/", "server/dispatch/"];

/** Packages that open sockets. */
const SOCKET_PACKAGES = ["ws", "amqplib", "pg"];

/** The only folder of `tests/` that tests elsewhere may import. */
const TESTKIT = "tests/testkit/";

/** One broken rule. */
export interface Violation {
  /** Path from the project's root. */
  readonly file: string;
  readonly line: number;
  readonly rule: "resolve" | "direction" | "layers" | "web-only" | "npm-only";
  readonly message: string;
}

/**
 * Applies all rules to a project.
 *
 * @param root The folder of `deno.json`.
 * @returns What is wrong, by file and line; empty when nothing is.
 * @throws {Error} When the import graph cannot be read.
 */
export async function checkImports(
  root: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly Violation[]> {
  const modules = await readImportGraph(root, Object.keys(FOLDERS), options);
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const violations = modules.flatMap((module) => [
    ...checkParsed(module),
    ...module.imports.flatMap((imported) => checkImport(module, imported)),
    ...checkWebOnly(module, byPath),
  ]);
  violations.push(...checkImportMap(await Deno.readTextFile(join(root, "deno.json"))));
  return violations.sort((a, b) => a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line);
}

function checkParsed(module: Module): Violation[] {
  if (module.error === undefined) return [];
  return [{ file: module.path, line: 1, rule: "resolve", message: firstLine(module.error) }];
}

function checkImport(module: Module, imported: Import): Violation[] {
  const at = { file: module.path, line: imported.line };
  if (imported.error !== undefined) return [{ ...at, rule: "resolve", message: firstLine(imported.error) }];
  if (!isLocal(imported)) {
    const message = foreignFault(imported);
    return message === undefined ? [] : [{ ...at, rule: "npm-only", message }];
  }
  const direction = directionFault(module.path, imported.resolved);
  if (direction !== undefined) return [{ ...at, rule: "direction", message: direction }];
  const layers = layerFault(module.path, imported.resolved);
  return layers === undefined ? [] : [{ ...at, rule: "layers", message: layers }];
}

function foreignFault({ specifier, resolved }: Import): string | undefined {
  if (resolved.startsWith("node:")) return undefined;
  if (!resolved.startsWith("npm:")) return `"${specifier}" comes neither from npm nor from this project`;
  return specifier.startsWith("npm:") ? `"${specifier}" must be imported by its name in deno.json` : undefined;
}

function directionFault(from: string, to: string): string | undefined {
  if (to === "deno.json") return undefined;
  const isForTests = isTest(from) || from.startsWith("tests/");
  if (isTest(to) && !(isTestSupport(to) && isForTests)) return `${to} is for tests only`;
  if (isTest(from) && to.startsWith(TESTKIT)) return undefined;
  const [folder, target] = [topFolder(from), topFolder(to)];
  return FOLDERS[folder]?.includes(target) ? undefined : `${folder}/ must not import ${to}`;
}

function layerFault(from: string, to: string): string | undefined {
  const program = topFolder(from);
  const layers = LAYERS[program];
  if (layers === undefined || topFolder(to) !== program) return undefined;
  // A test directly in the program's folder is about the whole program; one in a folder has that folder's place.
  if (isTest(from) && (ROOTS.includes(to) || from.split("/").length === 2)) return undefined;
  const [source, target] = [placeOf(from, layers), placeOf(to, layers)];
  if (source === undefined) return `${from} has no place in the layers of tools/check_imports.ts`;
  if (target === undefined) return `${to} has no place in the layers of tools/check_imports.ts`;
  if (source.entry === target.entry || source.layer < target.layer) return undefined;
  return source.layer === target.layer
    ? `${program}/${source.entry} and ${program}/${target.entry} must not know each other (imports ${to})`
    : `${program}/${source.entry} is below ${program}/${target.entry} (imports ${to})`;
}

function placeOf(path: string, layers: readonly (readonly string[])[]): { layer: number; entry: string } | undefined {
  const inside = path.slice(path.indexOf("/") + 1);
  for (const [layer, entries] of layers.entries()) {
    const entry = entries.find((name) => name.endsWith("/") ? inside.startsWith(name) : inside === name);
    if (entry !== undefined) return { layer, entry };
  }
  return undefined;
}

function checkWebOnly(module: Module, modules: ReadonlyMap<string, Module>): Violation[] {
  if (!isWebOnly(module.path) || isTest(module.path)) return [];
  const direct = platformUses(module).map(({ line, what }): Violation => ({
    file: module.path,
    line,
    rule: "web-only",
    message: `uses ${what}`,
  }));
  const indirect = module.imports.filter((imported) => !imported.isTypeOnly).flatMap((imported): Violation[] => {
    const chain = platformChain(imported.resolved, modules, new Set());
    if (chain === undefined) return [];
    const message = `loads ${chain.path.join(" -> ")}, which uses ${chain.what}`;
    return [{ file: module.path, line: imported.line, rule: "web-only", message }];
  });
  return [...direct, ...indirect];
}

/** The first way from a module to something that is not web platform; modules that are web-only themselves are reported where they are. */
function platformChain(
  path: string,
  modules: ReadonlyMap<string, Module>,
  seen: Set<string>,
): { path: readonly string[]; what: string } | undefined {
  const module = modules.get(path);
  if (module === undefined || isWebOnly(path) || seen.has(path)) return undefined;
  seen.add(path);
  const [use] = platformUses(module);
  if (use !== undefined) return { path: [path], what: use.what };
  for (const imported of module.imports) {
    const chain = imported.isTypeOnly ? undefined : platformChain(imported.resolved, modules, seen);
    if (chain !== undefined) return { path: [path, ...chain.path], what: chain.what };
  }
  return undefined;
}

function platformUses(module: Module): { line: number; what: string }[] {
  const imports = module.imports
    .filter(({ resolved }) => resolved.startsWith("node:") || SOCKET_PACKAGES.includes(packageName(resolved)))
    .map(({ line, specifier }) => ({ line, what: `"${specifier}"` }));
  const globals = withoutComments(module.source).split("\n").flatMap((text, index) =>
    /\bDeno\b/.test(text) ? [{ line: index + 1, what: "Deno" }] : []
  );
  return [...imports, ...globals];
}

/** Strings are kept whole: a comment that begins inside one is none, and a `Deno` inside one had better be looked at. */
function withoutComments(source: string): string {
  const stringOrComment = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(stringOrComment, (text) => text.startsWith("/") ? text.replace(/[^\n]/g, " ") : text);
}

function checkImportMap(text: string): Violation[] {
  const { imports = {} } = JSON.parse(text) as { imports?: Record<string, string> };
  const lines = text.split("\n");
  return Object.entries(imports).filter(([, address]) =>
    !/^npm:(@[^/@]+\/)?[^/@]+@\d+\.\d+\.\d+[^/]*(\/.+)?$/.test(address)
  )
    .map(([name, address]) => ({
      file: "deno.json",
      line: lines.findIndex((line) => line.includes(JSON.stringify(name)) && line.includes(JSON.stringify(address))) +
        1,
      rule: "npm-only",
      message: `"${address}" is not an npm package with an exact version`,
    }));
}

function isLocal({ resolved }: Import): boolean {
  return !/^[a-z][a-z0-9+.-]+:/i.test(resolved);
}

/** Tests and what they share; nobody else may import either. */
function isTest(path: string): boolean {
  return /_test\.tsx?$/.test(path) || isTestSupport(path);
}

function isTestSupport(path: string): boolean {
  return path.endsWith("/testing.ts") || path.endsWith("_contract.ts");
}

function isWebOnly(path: string): boolean {
  return WEB_ONLY.some((folder) => path.startsWith(folder));
}

function topFolder(path: string): string {
  return path.slice(0, path.indexOf("/") + 1).replace("/", "");
}

function packageName(resolved: string): string {
  return /^npm:\/?((?:@[^/]+\/)?[^@/]+)/.exec(resolved)?.[1] ?? "";
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}

if (import.meta.main) {
  const violations = await checkImports(Deno.cwd());
  const lines = violations.map(({ file, line, rule, message }) => `${file}:${line}: ${rule}: ${message}\n`);
  await Deno.stderr.write(new TextEncoder().encode(lines.join("")));
  Deno.exitCode = violations.length === 0 ? 0 : 1;
}
