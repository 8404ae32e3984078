/**
 * A connector where nothing but a proxy can be reached.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { assertRelays, type Company, startCompany, startSquid, startTinyproxy } from "../testkit/company.ts";
import { requireNamespaces } from "../testkit/corporate_network.ts";
import type { ChildProcess } from "../testkit/process.ts";
import { startConnectorProcess } from "../testkit/programs.ts";
import type { TestTenant } from "../testkit/tenants.ts";

const programs = await requireNamespaces(["openssl", "tinyproxy", "squid"]);

/** Starts a connector at the site. */
function startSiteConnector(
  company: Company,
  options: {
    url?: string;
    tenant?: TestTenant;
    env?: Record<string, string>;
    awaited?: RegExp;
    proxy?: string;
    caFile?: string;
  } = {},
): Promise<ChildProcess> {
  const { network, folder, caFile } = company;
  const { url = company.url, tenant = company.tenant, ...rest } = options;
  const targets = { echo: { type: "echo" } };
  return startConnectorProcess({ url }, tenant, { folder, namespace: network.site, caFile, targets, ...rest });
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: programs.label(name), ignore: programs.isSkipped, fn });
}

test("nothing gets out of the site but through the proxy, and only its port is used", async () => {
  await using company = await startCompany(programs);
  const { proxy } = company.network.addresses;
  await using direct = await startSiteConnector(company, { awaited: /Cannot reach .*Trying again/ });
  assert.match(direct.output, /check this machine's network, and whether a proxy is needed/);
  await direct.stop();
  await using tinyproxy = await startTinyproxy(company);
  await using connector = await startSiteConnector(company, { proxy: `http://${proxy}:${tinyproxy.port}` });
  await assertRelays(company);
  const remotes = await company.network.siteConnections();
  const port = tinyproxy.port.toString(16).toUpperCase().padStart(4, "0");
  assert.ok(remotes.length > 0);
  assert.deepEqual(remotes.filter((remote) => !remote.endsWith(`:${port}`)), []);
  assert.equal((await connector.stop()).code, 0);
});

test("the proxy comes from the environment, with credentials, and NO_PROXY is minded", async () => {
  await using company = await startCompany(programs);
  const { proxy, outside } = company.network.addresses;
  await using tinyproxy = await startTinyproxy(company, ["BasicAuth user p-4_ss"]);
  const env = { HTTPS_PROXY: `http://user:p-4_ss@${proxy}:${tinyproxy.port}` };
  await using connector = await startSiteConnector(company, { env });
  await assertRelays(company);
  await connector.stop();
  assert.doesNotMatch(connector.output, /p-4_ss/);
  await using exempt = await startSiteConnector(company, {
    env: { ...env, NO_PROXY: `other.example,${outside.replace(/\d+$/, "0")}/24` },
    awaited: /Cannot reach .*Trying again/,
  });
  assert.doesNotMatch(exempt.output, /proxy http/);
});

test("wrong credentials are named, without them, and the connector keeps trying", async () => {
  await using company = await startCompany(programs);
  const { proxy } = company.network.addresses;
  await using tinyproxy = await startTinyproxy(company, ["BasicAuth user right"]);
  await using connector = await startSiteConnector(company, {
    proxy: `http://user:wrong-one@${proxy}:${tinyproxy.port}`,
    awaited:
      /The proxy http:\/\/10\.[^ ]+ refused the credentials \(40[17]\); check user and password in `proxy`.*Trying again/,
  });
  await connector.waitForLine(/refused the credentials \(40[17]\)/, { count: 2 });
  assert.doesNotMatch(connector.output, /wrong-one/);
});

test("a proxy that forbids the port is named, and the connector connects when it does not any more", async () => {
  await using company = await startCompany(programs);
  const { proxy } = company.network.addresses;
  await using strict = await startTinyproxy(company, ["ConnectPort 443"]);
  const { port } = strict;
  await using connector = await startSiteConnector(company, {
    proxy: `http://${proxy}:${port}`,
    awaited: /refused the connection \(403\); have it allow CONNECT to that address and port/,
  });
  await strict.stop();
  await connector.waitForLine(/Cannot reach the proxy .*check the address in `proxy` or HTTPS_PROXY/);
  const file = join(company.folder.path, `tinyproxy-${port}.conf`);
  await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace("ConnectPort 443", ""));
  await using _lenient = await company.network.startProxy(programs.path("tinyproxy"), ["-d", "-c", file], port);
  await connector.waitForLine(/Connected to /, { timeoutMs: 30_000 });
  await assertRelays(company);
});

test("a proxy that cuts what is idle does not cut a connection with keep-alive, and one it cuts comes back", async () => {
  await using company = await startCompany(programs, { keepAliveInterval: "2s" });
  const { proxy } = company.network.addresses;
  await using impatient = await startTinyproxy(company, ["Timeout 3"]);
  const way = { proxy: `http://${proxy}:${impatient.port}` };
  await using connector = await startSiteConnector(company, way);
  const tenant = await company.folder.database.createTenant({ keepAliveIntervalMs: 60_000 });
  await using silent = await startSiteConnector(company, { ...way, tenant });
  // That of the other had been there as long, and longer.
  await silent.waitForLine(/Lost the connection/);
  assert.doesNotMatch(connector.output, /Lost the connection/);
  await assertRelays(company);
  await silent.waitForLine(/Connected to /, { count: 2 });
});

test("IPv6 works on both sides of the proxy, and squid as well as tinyproxy", async () => {
  await using company = await startCompany(programs);
  const { proxy, proxy6 } = company.network.addresses;
  await using squid = await startSquid(company);
  const ways = [
    { url: company.url6, proxy: `http://${proxy}:${squid.port}` },
    { url: company.url, proxy: `http://[${proxy6}]:${squid.port}` },
    { url: company.url6, proxy: `http://[${proxy6}]:${squid.port}` },
  ];
  for (const way of ways) {
    await using connector = await startSiteConnector(company, way);
    await assertRelays(company);
    assert.equal((await connector.stop()).code, 0);
  }
});

test("of a server's several addresses the next is taken when one does not answer", async () => {
  await using company = await startCompany(programs);
  const { outside, outside6 } = company.network.addresses;
  const [dead, dead6] = [outside.replace(/1$/, "77"), outside6.replace(/1$/, "77")];
  const orders = [[dead, outside], [dead6, dead, outside], [dead, outside6], [dead6, outside]];
  for (const order of orders) {
    await company.network.setHosts(order.map((address) => `${address} relay.test`));
    await using connector = await startConnectorProcess(
      { url: `https://relay.test:${company.server.port}` },
      company.tenant,
      {
        folder: company.folder,
        namespace: company.network.gate,
        caFile: company.caFile,
        targets: { echo: { type: "echo" } },
      },
    );
    await assertRelays(company);
    assert.doesNotMatch(connector.output, /WARN/, order.join());
  }
});

test("a name that DNS does not know is named as such", async () => {
  await using company = await startCompany(programs);
  await company.network.setHosts([]);
  await using _connector = await startConnectorProcess({ url: "https://relay.nowhere.test" }, company.tenant, {
    folder: company.folder,
    namespace: company.network.gate,
    awaited: /relay\.nowhere\.test.*(?:DNS does not know this name|DNS gave no answer).*Trying again/,
  });
});

test("a proxy that inspects TLS is trusted by caFile, and else its issuer is named", async () => {
  await using company = await startCompany(programs);
  const { proxy } = company.network.addresses;
  await using tinyproxy = await startTinyproxy(company);
  const url = company.url;
  // What an inspecting proxy shows is a certificate of an authority that only the company knows, as this server's is.
  await using unknown = await startConnectorProcess({ url }, company.tenant, {
    folder: company.folder,
    namespace: company.network.site,
    proxy: `http://${proxy}:${tinyproxy.port}`,
    awaited: /was signed by test: if this machine is to trust it for .*, put the certificate of test into .*caFile/,
  });
  await unknown.stop();
  await using _known = await startSiteConnector(company, { proxy: `http://${proxy}:${tinyproxy.port}` });
  await assertRelays(company);
});
