/**
 * This project: a server and a connector with their defaults, started by the commands of `deno.json`.
 *
 * @module
 */

import { join } from "node:path";
import type { z } from "zod";
import { databaseUrl } from "../../server/config/database.ts";
import { serverConfigSchema } from "../../server/config/server_config.ts";
import { TestDatabase, type TestTenant } from "../../tests/testkit/tenants.ts";
import { startLinkTo } from "../link_process.ts";
import { Program } from "../processes.ts";
import type { Peer } from "./peer.ts";

const PROJECT_ROOT = join(import.meta.dirname ?? "", "../..");

/** A server with its database open beside it. */
export interface RelayServerProgram extends AsyncDisposable {
  readonly program: Program;
  readonly port: number;
  readonly database: TestDatabase;
}

/** What a server is configured with besides the defaults, as in its configuration file. */
export type ServerSettings = Partial<z.input<typeof serverConfigSchema>>;

/** Values of `listener` that this version's server takes, the default first. */
export const LISTENERS = ["node", "native"] as const;

/** The relay with one of its listeners, and with what is given of the configuration. */
export function relay(listener: typeof LISTENERS[number], settings: ServerSettings = {}): Peer {
  const differences = Object.values(settings).map((value) => `, ${value}`).join("");
  return {
    name: `relay (${listener}${differences})`,
    async start(options) {
      await using resources = new AsyncDisposableStack();
      const server = resources.use(await startRelayServer(options.folder, { listener, ...settings }));
      const tenant = await server.database.createTenant({ name: "bench" });
      const link = resources.use(await startLinkTo(server.port, options));
      const place = { serverPort: link.port, targetPort: options.targetPort };
      const connector = resources.use(await startRelayConnector(options.folder, tenant, place));
      const kept = resources.move();
      return {
        url: `http://127.0.0.1:${server.port}/relay/bench/web`,
        headers: {},
        programs: { server: server.program, connector },
        [Symbol.asyncDispose]: () => kept.disposeAsync(),
      };
    },
  };
}

/** Starts a server with the defaults but for its ports, its folder and what is given of the configuration. */
export async function startRelayServer(folder: string, settings: ServerSettings): Promise<RelayServerProgram> {
  await using resources = new AsyncDisposableStack();
  const ownFolder = await Deno.makeTempDir({ dir: folder, prefix: "relay-" });
  const place = { hostname: "127.0.0.1", port: 0, management: { port: 0 }, dataDirectory: ownFolder };
  const config = { ...place, ...settings };
  const url = databaseUrl(serverConfigSchema.parse(config));
  const database = resources.use(await TestDatabase.open(url));
  const program = resources.use(await startTask("server", { command: "serve", config, folder: ownFolder }));
  const [, port] = await program.waitFor(/is ready: \W*http:\/\/127\.0\.0\.1:(\d+)/);
  const kept = resources.move();
  return { program, port: Number(port), database, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Where a connector stands, and how it is started. */
export interface ConnectorPlace {
  readonly serverPort: number;
  readonly targetPort: number;
  /** A compiled one to start instead. */
  readonly executable?: string | undefined;
  /** One unless given. */
  readonly connections?: number;
}

/** Starts a connector with one target, `web`, and waits until all its connections are there. */
export async function startRelayConnector(
  folder: string,
  tenant: TestTenant,
  ports: ConnectorPlace,
): Promise<Program> {
  const { connections = 1 } = ports;
  const config = {
    relayServerBaseUri: `http://127.0.0.1:${ports.serverPort}`,
    tenantName: tenant.name,
    tenantSecret: tenant.connectorSecret,
    targets: { web: { url: `http://127.0.0.1:${ports.targetPort}` } },
    connections,
  };
  const ownFolder = await Deno.makeTempDir({ dir: folder, prefix: "connector-" });
  const program = await startTask("connector", {
    command: "run",
    config,
    folder: ownFolder,
    executable: ports.executable,
  });
  try {
    await program.waitFor(new RegExp(`(Connected to [^]*){${connections}}`));
    return program;
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

async function startTask(
  task: "server" | "connector",
  options: {
    readonly command: string;
    readonly config: unknown;
    readonly folder: string;
    readonly executable?: string | undefined;
  },
): Promise<Program> {
  const configFile = join(options.folder, "config.json");
  await Deno.writeTextFile(configFile, JSON.stringify(options.config));
  if (options.executable !== undefined) {
    return Program.start([options.executable, options.command, "--config", configFile], { folder: options.folder });
  }
  // Without the task's own process, so that what is measured and stopped is the program itself.
  const { tasks } = JSON.parse(await Deno.readTextFile(join(PROJECT_ROOT, "deno.json")));
  const [, ...args] = tasks[task].command.split(" ") as string[];
  const command = [Deno.execPath(), ...args, options.command, "--config", configFile];
  return Program.start(command, { folder: options.folder, cwd: PROJECT_ROOT });
}
