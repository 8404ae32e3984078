/**
 * A connector in the test's own process.
 *
 * @module
 */

import type { z } from "zod";
import { connectorConfigSchema } from "../../connector/config.ts";
import { type Connector, createConnector } from "../../connector/connector.ts";
import type { FetchHandler } from "../../connector/targets/fetch_handler.ts";
import { testLog } from "./log.ts";
import type { TestTenant } from "./tenants.ts";

/** One target: its URL, its configuration, or a function in this process. */
export type TestTargetOptions = string | Readonly<Record<string, unknown>> | FetchHandler;

/** Targets by name. */
export type TestTargets = Readonly<Record<string, TestTargetOptions>>;

/** Configuration of a connector as in a file, beside what a test always has to say. */
export type ConnectorOverrides = Partial<z.input<typeof connectorConfigSchema>>;

/** Whom a connector belongs to, and where. */
export interface ConnectorPlace {
  readonly url: string;
}

/** Configuration of a tenant's connector. Functions are left out: they are no configuration. */
export function connectorConfig(
  { url }: ConnectorPlace,
  tenant: TestTenant,
  { targets = {}, ...overrides }: ConnectorOverrides & { readonly targets?: TestTargets } = {},
): z.input<typeof connectorConfigSchema> {
  return {
    relayServerBaseUri: url,
    tenantName: tenant.name,
    tenantSecret: tenant.connectorSecret,
    targets: Object.fromEntries(
      Object.entries(targets).filter(([, target]) => typeof target !== "function").map((
        [name, target],
      ) => [name, typeof target === "string" ? { url: target } : target]),
    ),
    ...overrides,
  };
}

/** Makes a connector; nothing connects before its `start`. */
export async function makeConnector(
  server: ConnectorPlace,
  tenant: TestTenant,
  options: ConnectorOverrides & { readonly targets?: TestTargets } = {},
): Promise<Connector> {
  const functions = Object.entries(options.targets ?? {}).flatMap(([name, target]) =>
    typeof target === "function" ? [[name, target] as const] : []
  );
  const config = connectorConfigSchema.parse(connectorConfig(server, tenant, options));
  return await createConnector(config, { targets: Object.fromEntries(functions) });
}

/**
 * Starts a connector and waits until the server knows its connections.
 *
 * @param options Targets and other configuration.
 */
export async function startConnector(
  server: ConnectorPlace,
  tenant: TestTenant,
  options: ConnectorOverrides & { readonly targets?: TestTargets } = {},
): Promise<Connector> {
  await using resources = new AsyncDisposableStack();
  const connector = resources.use(await makeConnector(server, tenant, options));
  const pattern = { message: /^Connected to /, properties: { tenant: tenant.name } };
  const known = testLog.find(pattern).length;
  connector.start();
  await testLog.waitFor(pattern, { count: known + Number(options.connections ?? 1) });
  resources.move();
  return connector;
}
