/**
 * What a program is made of, as `deno info` sees it: the npm packages that its code reaches. What only tests or types need is not among them.
 *
 * @module
 */

import { join } from "node:path";

/** An npm package in a program. */
export interface PackageInfo {
  /** As `deno.lock` has it: name and version. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Ids of the packages it needs itself. */
  readonly dependencies: readonly string[];
  /** SPDX expression from its `package.json`; absent where it has none. */
  readonly license?: string;
  /** As in `deno.lock`, `sha512-...`. */
  readonly integrity: string;
}

/** The part of `deno.lock` that is read and written here. */
export interface LockFile {
  readonly version: string;
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
  readonly workspace: { readonly dependencies: readonly string[] };
}

interface Dependency {
  readonly code?: { readonly specifier?: string };
}

interface GraphModule {
  readonly specifier: string;
  readonly npmPackage?: string;
  /** Why it could not be read. */
  readonly error?: string;
  readonly dependencies?: readonly Dependency[];
}

interface Graph {
  readonly roots: readonly string[];
  readonly redirects: Readonly<Record<string, string>>;
  readonly modules: readonly GraphModule[];
  readonly npmPackages: Readonly<
    Record<string, Omit<PackageInfo, "id" | "license" | "integrity"> & { localPath: string }>
  >;
}

/** Reads `deno.lock`. */
export async function readLock(root: string): Promise<LockFile> {
  return JSON.parse(await Deno.readTextFile(join(root, "deno.lock")));
}

/**
 * Lists the packages in a program, in the order of their ids.
 *
 * @param root The folder of `deno.json`.
 * @param entry The program's first module, from there.
 * @throws {Error} when `deno info` fails, or knows a package that `deno.lock` does not.
 */
export async function listPackages(root: string, entry: string): Promise<readonly PackageInfo[]> {
  const [graph, lock] = [await readGraph(root, entry), await readLock(root)];
  const ids = [...reachablePackages(graph)].sort();
  return await Promise.all(ids.map(async (id) => {
    const info = graph.npmPackages[id];
    const integrity = lock.npm[id]?.integrity;
    if (info === undefined || integrity === undefined) {
      throw new Error(`Cannot list packages: ${id} is not in deno.lock`);
    }
    const { name, version, dependencies, localPath } = info;
    const license = await readLicense(localPath);
    return { id, name, version, dependencies, integrity, ...(license === undefined ? {} : { license }) };
  }));
}

async function readGraph(root: string, entry: string): Promise<Graph> {
  const output = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", entry], cwd: root }).output();
  if (!output.success) {
    throw new Error(`Cannot list packages: deno info failed: ${new TextDecoder().decode(output.stderr).trim()}`);
  }
  const graph: Graph = JSON.parse(new TextDecoder().decode(output.stdout));
  const error = graph.modules.find((module) => module.error !== undefined)?.error;
  if (error !== undefined) throw new Error(`Cannot list packages: ${error}`);
  return graph;
}

function reachablePackages(graph: Graph): Set<string> {
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const packages = new Set<string>();
  const seen = new Set<string>();
  const pending = [...graph.roots];
  for (let specifier = pending.pop(); specifier !== undefined; specifier = pending.pop()) {
    const module = modules.get(graph.redirects[specifier] ?? specifier);
    if (module === undefined || seen.has(module.specifier)) continue;
    seen.add(module.specifier);
    if (module.npmPackage !== undefined) addWithDependencies(module.npmPackage, graph, packages);
    for (const { code } of module.dependencies ?? []) if (code?.specifier !== undefined) pending.push(code.specifier);
  }
  return packages;
}

function addWithDependencies(id: string, graph: Graph, packages: Set<string>): void {
  if (packages.has(id)) return;
  packages.add(id);
  for (const dependency of graph.npmPackages[id]?.dependencies ?? []) addWithDependencies(dependency, graph, packages);
}

async function readLicense(folder: string): Promise<string | undefined> {
  const { license } = JSON.parse(await Deno.readTextFile(join(folder, "package.json")));
  return typeof license === "string" ? license : undefined;
}
