import assert from "node:assert/strict";
import { join } from "node:path";
import { type Program, runCli } from "../../shared/cli/mod.ts";
import { testIo } from "../../shared/cli/testing.ts";
import { hashSecret, Passwords } from "../auth/mod.ts";
import { type ServerConfig, serverConfigSchema } from "../config/server_config.ts";
import { createStore } from "../management/mod.ts";
import { openDatabase } from "../persistence/mod.ts";
import { temporaryFolder } from "../persistence/testing.ts";
import { apiKeyCommands } from "./api_keys.ts";
import { tenantCommands } from "./tenants.ts";
import { userCommands } from "./users.ts";

const [first, ...others] = [...userCommands, ...apiKeyCommands, ...tenantCommands];
const program: Program<ServerConfig> = {
  invocation: "server",
  summary: "",
  version: "0",
  commands: [first!, ...others],
  configuration: { schema: serverConfigSchema, envPrefix: "RELAY_SERVER" },
};

/** The commands on a data directory of their own. */
function setUp() {
  const folder = temporaryFolder();
  const path = join(folder.path, "relay.db");
  return {
    async run(args: string, { input = "" }: { input?: string } = {}) {
      const io = testIo({ RELAY_SERVER__DATA_DIRECTORY: folder.path }, input);
      const code = await runCli(program, args.split(" "), io);
      return { code, stdout: io.out(), stderr: io.err() };
    },
    async read<T>(read: (store: ReturnType<typeof createStore>) => Promise<T>): Promise<T> {
      await using db = openDatabase({ url: `sqlite:${path}` });
      return await read(createStore(db, Date.now));
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

const lastLine = (text: string) => text.trimEnd().split("\n").at(-1) ?? "";

Deno.test("users add prints a password once, that works", async () => {
  using cli = setUp();
  const { code, stdout, stderr } = await cli.run("users add Ann --role admin");
  assert.equal(code, 0, stderr);
  const password = stdout.trimEnd();
  assert.equal(lastLine(stdout), password);
  assert.ok(!stderr.includes(password));
  const user = await cli.read(({ users }) => users.findByName("ann"));
  assert.equal(user?.role, "admin");
  assert.deepEqual(await new Passwords().verify(password, user?.passwordHash), { matches: true, isOutdated: false });
  const list = await cli.run("users list");
  assert.match(list.stdout, /^NAME +ROLE +CREATED +LAST-LOGIN\nAnn +admin +\S+ +-\n$/);
});

Deno.test("users add takes a password from standard input, without its line break", async () => {
  using cli = setUp();
  const password = "correct horse battery ";
  const { code, stdout, stderr } = await cli.run("users add ann --role reader --password-stdin", {
    input: `${password}\r\n`,
  });
  assert.deepEqual([code, stdout], [0, ""], stderr);
  const user = await cli.read(({ users }) => users.findByName("ann"));
  assert.equal((await new Passwords().verify(password, user?.passwordHash)).matches, true);
});

Deno.test("users add refuses short passwords, wrong roles and names that are taken", async () => {
  using cli = setUp();
  const short = await cli.run("users add ann --role admin --password-stdin", { input: "hunter2\n" });
  assert.deepEqual([short.code, short.stderr.includes("hunter2")], [2, false]);
  assert.match(short.stderr, /at least 12 characters/);
  for (const args of ["users add ann", "users add ann --role boss", "users add", "users add  --role admin"]) {
    assert.equal((await cli.run(args)).code, 2, args);
  }
  await cli.run("users add ann --role admin");
  const again = await cli.run("users add ANN --role reader");
  assert.equal(again.code, 1);
  assert.match(again.stderr, /there is a user "ANN" already/);
  assert.equal(again.stdout, "");
});

Deno.test("users remove removes a user, and says when there is none", async () => {
  using cli = setUp();
  await cli.run("users add ann --role admin");
  assert.equal((await cli.run("users remove Ann")).code, 0);
  const again = await cli.run("users remove Ann");
  assert.deepEqual([again.code, again.stderr], [1, 'There is no user "Ann"\n']);
});

Deno.test("api-keys add prints a key once, alone on the last line", async () => {
  using cli = setUp();
  const { code, stdout, stderr } = await cli.run("api-keys add ci --role writer --expires 1h");
  assert.equal(code, 0, stderr);
  const value = lastLine(stdout);
  assert.match(value, /^rsk_[A-Za-z0-9_-]{43}$/);
  const key = await cli.read(async ({ apiKeys }) => apiKeys.findByHash(await hashSecret(value)));
  assert.deepEqual([key?.name, key?.role], ["ci", "writer"]);
  assert.ok(Math.abs((key?.expiresAt ?? 0) - Date.now() - 3_600_000) < 60_000);
  const list = await cli.run("api-keys list");
  assert.ok(!list.stdout.includes(value));
  assert.match(list.stdout, /\nci +writer +\S+ +\S+ +-\n$/);
  assert.equal((await cli.run("api-keys remove CI")).code, 0);
  assert.equal((await cli.run("api-keys remove ci")).code, 1);
  assert.equal((await cli.run("api-keys add ci --role writer --expires soon")).code, 2);
});

Deno.test("every command that changes something is in the audit, without secrets", async () => {
  using cli = setUp();
  const secrets: string[] = [];
  const run = async (args: string) => {
    const { code, stdout, stderr } = await cli.run(args);
    assert.equal(code, 0, stderr);
    if (stdout !== "") secrets.push(lastLine(stdout));
  };
  await run("users add ann --role admin");
  await run("users remove ann");
  await run("api-keys add ci --role reader");
  await run("api-keys remove ci");
  await run("tenants add acme --display-name Acme");
  await run("tenants secret add acme");
  const [secret] = await cli.read(async ({ tenants, secrets }) =>
    secrets.listByTenant((await tenants.findByName("acme"))?.id ?? "")
  );
  await run(`tenants secret remove acme ${secret?.id}`);
  await run("tenants remove acme");
  const { results } = await cli.read(({ audit }) => audit.find());
  const actions = ["user.create", "user.remove", "api_key.create", "api_key.remove", "tenant.create", "secret.create"];
  assert.deepEqual(
    new Set(results.map(({ action }) => action)),
    new Set([...actions, "secret.remove", "tenant.remove"]),
  );
  assert.deepEqual(new Set(results.map(({ actor }) => actor.kind)), new Set(["command"]));
  assert.equal(secrets.length, 3);
  for (const value of secrets) assert.ok(!JSON.stringify(results).includes(value));
});
