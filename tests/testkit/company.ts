/**
 * A company: a server outside, a site that reaches it through a proxy only, and real proxies between them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { makeCertificate } from "./certificate.ts";
import { CorporateNetwork, freePort } from "./corporate_network.ts";
import type { ChildProcess } from "./process.ts";
import { DataFolder, type ServerProcess, startServerProcess } from "./programs.ts";
import type { Requirement } from "./requirement.ts";
import type { ServerOverrides } from "./server.ts";
import type { TestTenant } from "./tenants.ts";

/** A {@linkcode CorporateNetwork} with a server outside. */
export interface Company extends AsyncDisposable {
  readonly network: CorporateNetwork;
  /** What it is made with. */
  readonly programs: Requirement;
  readonly folder: DataFolder;
  readonly server: ServerProcess;
  readonly tenant: TestTenant;
  /** Certificate of the server's authority. */
  readonly caFile: string;
  /** Addresses of the server, as the proxy reaches it. */
  readonly url: string;
  readonly url6: string;
}

/** A server outside, over HTTPS, and a site that cannot reach it. */
export async function startCompany(programs: Requirement, overrides: ServerOverrides = {}): Promise<Company> {
  await using resources = new AsyncDisposableStack();
  const network = resources.use(await CorporateNetwork.create());
  const folder = resources.use(await DataFolder.create());
  const { outside, outside6 } = network.addresses;
  const names = [`IP:${outside}`, `IP:${outside6}`, "DNS:relay.test"];
  const { caFile, certFile, keyFile } = await makeCertificate(folder.path, programs.path("openssl"), { names });
  const server = resources.use(
    await startServerProcess(folder, { hostname: "::", tls: { certFile, keyFile }, ...overrides }),
  );
  const tenant = await folder.database.createTenant();
  const [url, url6] = [`https://${outside}:${server.port}`, `https://[${outside6}]:${server.port}`];
  const kept = resources.move();
  return {
    programs,
    network,
    folder,
    server,
    tenant,
    caFile,
    url,
    url6,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Starts tinyproxy between the site and the world, with further lines of its configuration. */
export async function startTinyproxy(
  { network, folder, programs }: Company,
  lines: readonly string[] = [],
): Promise<ChildProcess & { port: number }> {
  const port = await freePort();
  const file = join(folder.path, `tinyproxy-${port}.conf`);
  const common = [`Port ${port}`, "Timeout 600", "MaxClients 100", "LogLevel Connect"];
  await Deno.writeTextFile(file, [...common, ...lines, ""].join("\n"));
  return Object.assign(await network.startProxy(programs.path("tinyproxy"), ["-d", "-c", file], port), { port });
}

/** Starts squid between the site and the world. */
export async function startSquid({ network, folder, programs }: Company): Promise<ChildProcess & { port: number }> {
  const port = await freePort();
  const file = join(folder.path, "squid.conf");
  const lines = [
    `http_port ${port}`,
    "http_access allow all",
    "cache deny all",
    "access_log none",
    "cache_log /dev/null",
    `pid_filename ${folder.path}/squid.pid`,
    `coredump_dir ${folder.path}`,
    "shutdown_lifetime 1 seconds",
    "pinger_enable off",
    "",
  ];
  await Deno.writeTextFile(file, lines.join("\n"));
  return Object.assign(await network.startProxy(programs.path("squid"), ["-N", "-f", file], port), { port });
}

/** Sends a body through the relay to the target `echo`, and back. */
export async function assertRelays({ server, tenant, caFile }: Company): Promise<void> {
  using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(caFile)] });
  const body = "x".repeat(300_000);
  const url = `https://localhost:${server.port}/relay/${tenant.name}/echo`;
  const response = await fetch(url, { method: "POST", body, client });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), body);
}
