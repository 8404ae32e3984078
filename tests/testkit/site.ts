/**
 * A server with one tenant and its connector, all in the test's own process.
 *
 * @module
 */

import type { RelayServerOptions } from "../../server/server.ts";
import type { TenantSettings } from "../../server/persistence/mod.ts";
import { startConnector, type TestTargets } from "./connector.ts";
import { type ServerOverrides, startServer, type TestServer } from "./server.ts";
import type { TestTenant } from "./tenants.ts";

/** All that a request passes. */
export interface Site extends AsyncDisposable {
  readonly server: TestServer;
  readonly tenant: TestTenant;
}

/** What a site's server is like beside the defaults for tests. */
export interface SiteOptions extends RelayServerOptions {
  /** Settings of the tenant. */
  readonly tenant?: Partial<TenantSettings> & { readonly name?: string };
}

/** Starts a server and a connector with these targets. */
export async function startSite(
  targets: TestTargets,
  overrides: ServerOverrides = {},
  options: SiteOptions = {},
): Promise<Site> {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await startServer(overrides, options));
  const tenant = await server.database.createTenant(options.tenant);
  resources.use(await startConnector(server, tenant, { targets }));
  const kept = resources.move();
  return { server, tenant, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
