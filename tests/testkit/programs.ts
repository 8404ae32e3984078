/**
 * Server and connector as child processes, by the commands of `deno.json`, for tests that kill or freeze them.
 *
 * @module
 */

import { join } from "node:path";
import { databaseUrl } from "../../server/config/database.ts";
import { serverConfigSchema } from "../../server/config/server_config.ts";
import { connectorConfig, type ConnectorOverrides, type ConnectorPlace, type TestTargets } from "./connector.ts";
import { type ChildProcess, PROJECT_ROOT, startDeno } from "./process.ts";
import { serverConfig, type ServerOverrides } from "./server.ts";
import { TestDatabase, type TestTenant } from "./tenants.ts";

/** A folder for the data of servers that follow one another. */
export class DataFolder implements AsyncDisposable {
  readonly path: string;
  readonly database: TestDatabase;

  private constructor(path: string, database: TestDatabase) {
    this.path = path;
    this.database = database;
  }

  /**
   * @param options `prepare` is called with the path before the database is made, or brought to the present schema, which it is unless `migrates`
   * is false; `databaseUrl` says where the database is when it is not in the folder.
   */
  static async create(
    { prepare, databaseUrl: url, migrates = true }: {
      readonly prepare?: (path: string) => Promise<unknown>;
      readonly databaseUrl?: string | undefined;
      readonly migrates?: boolean;
    } = {},
  ): Promise<DataFolder> {
    const path = await Deno.makeTempDir({ prefix: "relayserver-" });
    await prepare?.(path);
    const config = serverConfigSchema.parse(serverConfig(path));
    return new DataFolder(path, await TestDatabase.open(url ?? databaseUrl(config), { migrates }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database[Symbol.asyncDispose]();
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A server as a process. */
export class ServerProcess implements AsyncDisposable {
  readonly process: ChildProcess;
  /** Base of the public listener, without a slash at the end. */
  readonly url: string;
  readonly managementUrl: string;

  constructor(process: ChildProcess, urls: { readonly url: string; readonly managementUrl: string }) {
    this.process = process;
    this.url = urls.url;
    this.managementUrl = urls.managementUrl;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Sends a request to a tenant's target. The path begins with the target's name. */
  async relay(tenant: TestTenant, path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(`${this.url}/relay/${tenant.name}/${path}`, init);
  }

  /** Waits until connectors have connected so many times, of one tenant or of all. */
  async connected(count = 1, options: { readonly tenant?: TestTenant; readonly timeoutMs?: number } = {}) {
    const { tenant, timeoutMs = 15_000 } = options;
    const pattern = new RegExp(`${tenant?.name ?? ""}[^ ]* connected from `);
    await this.process.waitForLine(pattern, { count, timeoutMs });
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    await this.process.stop({ signal: "SIGKILL" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** How a program is started. */
export interface ProgramOptions {
  /** The folder of its `deno.json`; this project's unless given. */
  readonly root?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** A module that runs before the program itself. */
  readonly preload?: string;
}

/** Starts a server and waits until it is ready. */
export async function startServerProcess(
  folder: Pick<DataFolder, "path">,
  overrides: ServerOverrides = {},
  { env = {}, preload, root = PROJECT_ROOT }: ProgramOptions = {},
): Promise<ServerProcess> {
  const file = join(folder.path, "server.json");
  await Deno.writeTextFile(file, JSON.stringify(serverConfig(folder.path, { log: { format: "text" }, ...overrides })));
  const [run = "", ...rest] = await command("server", root);
  const preloaded = preload === undefined ? [] : [`--preload=${preload}`];
  const process = startDeno([run, ...preloaded, ...rest, "serve", "--config", file], { env, cwd: root });
  try {
    const [, url = "", managementUrl = ""] = await process.waitForLine(
      /is ready: "?(https?:[^ "]+)"? \(public\), "?(http:[^ "]+)"? \(management\)/,
    );
    return new ServerProcess(process, { url, managementUrl });
  } catch (error) {
    await process.stop();
    throw error;
  }
}

/** Starts a connector and waits until it is connected, or has said something else that is awaited. */
export async function startConnectorProcess(
  server: ConnectorPlace,
  tenant: TestTenant,
  { folder, awaited = /Connected to /, env = {}, namespace, root = PROJECT_ROOT, ...options }: ConnectorOverrides & {
    readonly folder: DataFolder;
    /** The folder of its `deno.json`; this project's unless given. */
    readonly root?: string | undefined;
    readonly awaited?: RegExp;
    readonly env?: Readonly<Record<string, string>>;
    /** Network namespace it runs in. */
    readonly namespace?: string;
    readonly targets?: TestTargets;
  },
): Promise<ChildProcess> {
  const file = join(folder.path, `connector-${crypto.randomUUID()}.json`);
  const config = connectorConfig(server, tenant, { log: { format: "text" }, ...options });
  await Deno.writeTextFile(file, JSON.stringify(config));
  const args = [...await command("connector", root), "run", "--config", file];
  const process = startDeno(args, { env, cwd: root, ...(namespace === undefined ? {} : { namespace }) });
  try {
    await process.waitForLine(awaited);
    return process;
  } catch (error) {
    await process.stop();
    throw error;
  }
}

/** The arguments of `deno` that a task is made of: without the task's own process, signals reach the program itself. */
async function command(task: "server" | "connector", root: string): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  return tasks[task].command.split(" ").slice(1);
}
