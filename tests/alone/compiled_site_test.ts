/**
 * The compiled connector at a site that has nothing: no file but its own, and no way out but a proxy.
 *
 * @module
 */

import assert from "node:assert/strict";
import { assertRelays, startCompany, startTinyproxy } from "../testkit/company.ts";
import { connectorConfig } from "../testkit/connector.ts";
import { requireNamespaces } from "../testkit/corporate_network.ts";
import { EmptyRoot, requireEmptyRoots } from "../testkit/empty_root.ts";
import { compileExecutables } from "../testkit/executables.ts";

const programs = await requireNamespaces(["openssl", "tinyproxy"]);
const roots = await requireEmptyRoots();
const executables = await compileExecutables(["connector"]);

Deno.test({
  name: [programs, roots, executables].reduce(
    (name, { label }) => label(name),
    "the compiled connector relays on an otherwise empty file system behind a proxy",
  ),
  ignore: programs.isSkipped || roots.isSkipped || executables.isSkipped,
  async fn() {
    await using company = await startCompany(programs);
    const { network: { site, addresses }, tenant, caFile, url } = company;
    await using tinyproxy = await startTinyproxy(company);
    await using root = await EmptyRoot.create(executables.path("connector"), roots);
    const settings = connectorConfig({ url }, tenant, {
      log: { format: "text" },
      caFile: "/ca.pem",
      proxy: `http://${addresses.proxy}:${tinyproxy.port}`,
      targets: { echo: { type: "echo" } },
    });
    await root.write("connector.json", JSON.stringify(settings));
    await root.write("ca.pem", await Deno.readTextFile(caFile));
    await using connector = root.start(["run", "--config", "/connector.json"], { namespace: site });
    await connector.waitForLine(/Connected to /);
    await assertRelays(company);
    assert.equal((await connector.stop()).code, 0, connector.output);
    assert.deepEqual(root.files(), ["ca.pem", "connector.json", "proc", "program"], "it left files behind");
  },
});
