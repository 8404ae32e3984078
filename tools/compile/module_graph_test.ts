import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { listPackages } from "./module_graph.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("listPackages() lists what the connector's code reaches, without what tests, types and the server need", async () => {
  const packages = await listPackages(ROOT, "connector/main.ts");
  const names = packages.map(({ name }) => name);
  for (const name of ["ws", "zod", "oauth4webapi"]) assert.ok(names.includes(name), name);
  for (const name of ["kysely", "hono", "fast-check", "@types/node"]) assert.ok(!names.includes(name), name);
  for (const { license, integrity } of packages) {
    assert.match(license ?? "", /^\(?[A-Z]/);
    assert.match(integrity, /^sha512-/);
  }
});

Deno.test("listPackages() fails with the reason when the program does not exist", async () => {
  await assert.rejects(listPackages(ROOT, "connector/nothing.ts"), /^Error: Cannot list packages: .*nothing\.ts/);
});
