import assert from "node:assert/strict";
import { AUDIT_ACTIONS } from "../server/management/audit_trail.ts";
import { MANAGEMENT_ERROR_CODES } from "../server/management/management_error.ts";
import { managementTest } from "../server/management/testing.ts";

/** The part of docs/management.md below a heading. */
async function readSection(heading: string): Promise<string> {
  const page = await Deno.readTextFile(new URL("../docs/management.md", import.meta.url));
  const [, section] = page.split(`\n## ${heading}\n`);
  assert.ok(section !== undefined, heading);
  return section.split("\n## ")[0]!;
}

/** What stands between backticks, outside of examples. */
function quoted(text: string): string[] {
  return [...text.replaceAll(/```.*?```/gs, "").matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

managementTest("docs/management.md has every route, for the role that the API wants, and no other", async (site) => {
  const { json } = await site.call("GET", "/management/openapi.json", { as: null });
  const { paths } = json as { readonly paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`)
  );
  const documented: string[] = [];
  for (const line of (await readSection("All routes")).split("\n")) {
    const [path, everybody = "", reader = "", writer = "", admin = ""] = line.split("|").slice(1);
    const [address] = quoted(path ?? "");
    if (address === undefined) continue;
    for (const [role, cell] of Object.entries({ reader, writer, admin })) {
      for (const method of quoted(cell)) {
        documented.push(`${method} ${address}`);
        const url: string = address.replace("{name}", "nobody").replace("{message}", "client-request")
          .replace(/\{\w+\}/g, () => crypto.randomUUID());
        const below = role === "admin" ? "writer" : role === "writer" ? "reader" : null;
        const { status } = await site.call(method, url, { as: below });
        assert.equal(status, below === null ? 401 : 403, `${method} ${address}`);
      }
    }
    for (const method of quoted(everybody)) documented.push(`${method} ${address}`);
  }
  const others = ["GET /management/openapi.json", "GET /management/docs"];
  assert.deepEqual(documented.sort(), [...described, ...others].sort());
});

Deno.test("docs/management.md has every code that the API refuses with, and no other", async () => {
  const rows = (await readSection("Refusals")).split("\n").filter((line) => /^\| \d/.test(line));
  assert.deepEqual(rows.flatMap((row) => quoted(row.split("|")[2]!)).sort(), [...MANAGEMENT_ERROR_CODES].sort());
});

Deno.test("docs/management.md has every action of the audit", async () => {
  const words = new Set(quoted(await readSection("Servers, audit")));
  const missing = AUDIT_ACTIONS.filter((action) => !words.has(action) && !words.has(action.replace(/\..*/, ".*")));
  assert.deepEqual(missing, []);
});
