/**
 * Backup and restore as `docs/operations.md` describes them: its own commands, with other paths, while a server runs.
 *
 * @module
 */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { RequestLogRepository } from "../server/persistence/mod.ts";
import { findPostgres } from "./testkit/postgres.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { startServer } from "./testkit/server.ts";

const sqlite = await requireCommands(["sqlite3"], { requirement: "sqlite3" });
const dump = await requireCommands(["pg_dump", "pg_restore"], { requirement: "postgres" });
const postgres = await findPostgres();

/** Places of the documentation, and those of a test in their stead. */
type Places = Readonly<Record<string, string>>;

/** The documented commands that contain a text. */
async function documented(text: string): Promise<string> {
  const page = await Deno.readTextFile(new URL("../docs/operations.md", import.meta.url));
  const [, section = ""] = /^### Backup and restore\n([^]*?)^### /m.exec(page) ?? [];
  const blocks = [...section.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
  const [found, ...others] = blocks.filter((block) => block.includes(text));
  assert.ok(found !== undefined && others.length === 0, `one block of commands with ${text}`);
  return found;
}

/** @returns What it printed. */
async function runDocumented(
  text: string,
  { places, env = {} }: { readonly places: Places; readonly env?: Readonly<Record<string, string>> },
): Promise<string> {
  let script = await documented(text);
  for (const [place, other] of Object.entries(places)) script = script.replaceAll(place, other);
  const PATH = `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`;
  const { success, stdout, stderr } = await new Deno.Command("sh", { args: ["-ec", script], env: { ...env, PATH } })
    .output();
  assert.ok(success, `${script}\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** A server with a tenant and a logged request is backed up, and goes on to one that the backup does not have. */
async function backUp(
  url: string,
  act: () => Promise<unknown>,
): Promise<{ readonly kept: string; readonly lost: string }> {
  await using server = await startServer({ database: { url } });
  const { name: kept } = await server.database.createTenant();
  const log = new RequestLogRepository(server.database.handle);
  await (await fetch(`${server.url}/relay/${kept}/web/`)).body?.cancel();
  while ((await log.find()).totalCount === 0) await server.handled();
  await act();
  const { name: lost } = await server.database.createTenant();
  return { kept, lost };
}

async function assertRestored(url: string, { kept, lost }: { readonly kept: string; readonly lost: string }) {
  await using server = await startServer({ database: { url } });
  const { results } = await new RequestLogRepository(server.database.handle).find();
  assert.deepEqual(results.map(({ tenantName }) => tenantName), [kept]);
  const codeOf = async (tenant: string) => {
    const response = await fetch(`${server.url}/relay/${tenant}/web/`);
    await response.body?.cancel();
    return response.headers.get("relayserver-error");
  };
  assert.deepEqual([await codeOf(kept), await codeOf(lost)], ["connector_unavailable", "tenant_unknown"]);
}

for (const [way, command] of Object.entries({ "sqlite3": ".backup", "Deno alone": "vacuum into" })) {
  Deno.test({
    name: sqlite.label(`a backup of SQLite by ${way}, made while a server runs, is restored`),
    ignore: sqlite.isSkipped,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
      await using cleanup = new AsyncDisposableStack();
      cleanup.defer(() => Deno.remove(folder, { recursive: true }));
      const places = { "/var/lib/relay": folder, "/var/backups": folder };
      const url = `sqlite:${join(folder, "relay.db")}`;
      const tenants = await backUp(url, () => runDocumented(command, { places }));
      const { mode } = await Deno.stat(join(folder, "relay-backup.db"));
      assert.equal((mode ?? 0) & 0o077, 0);
      assert.equal(await runDocumented("integrity_check", { places }), "ok\n");
      await assertRestored(url, tenants);
    },
  });
}

Deno.test({
  name: dump.label(postgres.label("a backup of PostgreSQL by pg_dump, made while a server runs, is restored")),
  ignore: dump.isSkipped || postgres.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    const places = { "/var/backups": folder };
    await using database = await postgres.createDatabase();
    await using empty = await postgres.createDatabase();
    const envOf = (url: string) => ({ RELAY_SERVER__DATABASE__URL: url });
    const tenants = await backUp(
      database.url,
      () => runDocumented("pg_dump", { places, env: envOf(database.url) }),
    );
    await runDocumented("pg_restore", { places, env: envOf(empty.url) });
    await assertRestored(empty.url, tenants);
  },
});
