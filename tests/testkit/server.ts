/**
 * A server in the test's own process.
 *
 * @module
 */

import type { z } from "zod";
import { databaseUrl } from "../../server/config/database.ts";
import { serverConfigSchema } from "../../server/config/server_config.ts";
import { createRelayServer, type RelayServer, type RelayServerOptions } from "../../server/server.ts";
import { fetchToken } from "./http.ts";
import { testLog } from "./log.ts";
import { TestDatabase, type TestTenant } from "./tenants.ts";

/** Configuration of a server as in a file; what is not given is chosen for tests. */
export type ServerOverrides = z.input<typeof serverConfigSchema>;

/** Configuration for tests: this machine only, free ports, no cache, connectors that come back soon. */
export function serverConfig(dataDirectory: string, overrides: ServerOverrides = {}): ServerOverrides {
  return {
    hostname: "127.0.0.1",
    port: 0,
    management: { port: 0 },
    dataDirectory,
    tenantInfoCacheDuration: "0s",
    reconnectMinimumDelay: "1ms",
    reconnectMaximumDelay: "50ms",
    drainTimeout: "5s",
    ...overrides,
  };
}

/** A server and its database. */
export class TestServer implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly relayServer: RelayServer;
  readonly #resources: AsyncDisposableStack;

  constructor(relayServer: RelayServer, database: TestDatabase, resources: AsyncDisposableStack) {
    this.relayServer = relayServer;
    this.database = database;
    this.#resources = resources;
  }

  get port(): number {
    return this.relayServer.publicAddress.port;
  }

  /** Base of the public listener, without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Base of the management listener, without a slash at the end. */
  get managementUrl(): string {
    return `http://127.0.0.1:${this.relayServer.managementAddress.port}`;
  }

  /** Gets a token of a tenant. */
  async token(tenant: TestTenant, use: "connector" | "client"): Promise<string> {
    const clientSecret = use === "connector" ? tenant.connectorSecret : tenant.clientSecret;
    return await fetchToken(this.url, { clientId: tenant.name, clientSecret });
  }

  /** Sends a request to a tenant's target. The path begins with the target's name. */
  async relay(tenant: TestTenant, path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(`${this.url}/relay/${tenant.name}/${path}`, { redirect: "manual", ...init });
  }

  /** Resolves when the server has taken in whatever was sent before. */
  async handled(): Promise<void> {
    await (await fetch(`${this.url}/health/live`)).body?.cancel();
  }

  /** Waits until a tenant's connectors have connected so many times since the test began. */
  async connected(tenant: TestTenant, count = 1): Promise<void> {
    await testLog.waitFor({ message: / connected from /, properties: { tenant: tenant.name } }, { count });
  }

  /** Waits until a tenant's connections were lost or closed so many times. */
  async disconnected(tenant: TestTenant, count = 1): Promise<void> {
    await testLog.waitFor({ message: / disconnected: /, properties: { tenant: tenant.name } }, { count });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Starts a server on free ports with its data in a temporary folder. */
export async function startServer(
  overrides: ServerOverrides = {},
  options: RelayServerOptions = {},
): Promise<TestServer> {
  await using resources = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  resources.defer(() => Deno.remove(folder, { recursive: true }));
  const config = serverConfigSchema.parse(serverConfig(folder, overrides));
  const database = resources.use(await TestDatabase.open(databaseUrl(config)));
  const relayServer = resources.use(await createRelayServer(config, options));
  await relayServer.start();
  return new TestServer(relayServer, database, resources.move());
}
