/**
 * The two programs over HTTPS, with the permissions their tasks give them and a certificate that only the configuration knows.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeCertificate } from "./testkit/certificate.ts";
import { DataFolder, startConnectorProcess, startServerProcess } from "./testkit/programs.ts";
import { requireCommands } from "./testkit/requirement.ts";

const openssl = await requireCommands(["openssl"], { requirement: "proxy" });

Deno.test({
  name: openssl.label("server and connector speak TLS with a certificate of the site's own authority"),
  ignore: openssl.isSkipped,
  async fn() {
    await using folder = await DataFolder.create();
    const { caFile, certFile, keyFile } = await makeCertificate(folder.path, openssl.path("openssl"));
    const tenant = await folder.database.createTenant();
    await using server = await startServerProcess(folder, { tls: { certFile, keyFile } });
    assert.match(server.url, /^https:/);
    const place = { url: `https://localhost:${server.port}` };
    await using _connector = await startConnectorProcess(place, tenant, {
      folder,
      caFile,
      targets: { echo: { type: "echo" } },
    });
    using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(caFile)] });
    // Where TLS is spoken without TCP_NODELAY, every answer of 1 KiB to 64 KiB takes 44 ms.
    const body = "x".repeat(16_384);
    let stalled = 0;
    for (let count = 0; count < 50; count++) {
      const startedMs = performance.now();
      const response = await fetch(`${place.url}/relay/${tenant.name}/echo`, { method: "POST", body, client });
      assert.equal(response.status, 200);
      assert.equal(await response.text(), body);
      if (performance.now() - startedMs > 40) stalled++;
    }
    assert.ok(stalled < 25, `${stalled} of 50 requests stalled`);
  },
});

Deno.test({
  name: openssl.label("a connector that does not know the server's authority says so and keeps trying"),
  ignore: openssl.isSkipped,
  async fn() {
    await using folder = await DataFolder.create();
    const { certFile, keyFile } = await makeCertificate(folder.path, openssl.path("openssl"));
    const tenant = await folder.database.createTenant();
    await using server = await startServerProcess(folder, { tls: { certFile, keyFile } });
    const place = { url: `https://localhost:${server.port}` };
    const awaited = /Cannot reach .*(certificate|UnknownIssuer).*Trying again/i;
    await using connector = await startConnectorProcess(place, tenant, { folder, awaited });
    assert.doesNotMatch(connector.output, /Connected to/);
  },
});

Deno.test({
  name: openssl.label(
    "targets and servers over https need no caFile and no permission where the platform knows their authority",
  ),
  ignore: openssl.isSkipped,
  async fn() {
    await using folder = await DataFolder.create();
    const { caFile, certFile, keyFile } = await makeCertificate(folder.path, openssl.path("openssl"));
    const tenant = await folder.database.createTenant();
    await using server = await startServerProcess(folder, { tls: { certFile, keyFile } });
    const place = { url: `https://localhost:${server.port}` };
    await using _connector = await startConnectorProcess(place, tenant, {
      folder,
      env: { DENO_CERT: caFile },
      targets: { itself: place.url },
    });
    using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(caFile)] });
    const response = await fetch(`${place.url}/relay/${tenant.name}/itself/health/live`, { client });
    assert.equal(response.status, 200, await response.text());
  },
});
