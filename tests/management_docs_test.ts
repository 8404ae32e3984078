import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { VisitReport } from "./testkit/docs_visitor.ts";
import { PROJECT_ROOT } from "./testkit/process.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { startServer } from "./testkit/server.ts";

const browsers = await requireCommands(["chromium"], { requirement: "chromium" });
const VISITOR = fileURLToPath(new URL("./testkit/docs_visitor.ts", import.meta.url));
const TIMEOUT_MS = 120_000;

async function visit(managementUrl: string, key: string): Promise<VisitReport> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", VISITOR, browsers.path("chromium"), managementUrl, key],
    cwd: PROJECT_ROOT,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test({
  name: browsers.label("the pages of the API work in a browser, and no request leaves the machine"),
  ignore: browsers.isSkipped,
  fn: async () => {
    await using server = await startServer();
    await server.database.createTenant({ name: "acme" });
    const { requested, faults, answer } = await visit(server.managementUrl, await server.database.addApiKey("reader"));
    assert.match(answer, /"name": "acme"/);
    assert.ok(requested.some((url) => url.startsWith(`${server.managementUrl}/management/tenants`)));
    assert.deepEqual(requested.filter((url) => !url.startsWith(server.managementUrl) && !url.startsWith("data:")), []);
    assert.deepEqual(faults, []);
  },
});
