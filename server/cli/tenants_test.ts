import assert from "node:assert/strict";
import { join } from "node:path";
import { type Io, type Program, runCli } from "../../shared/cli/mod.ts";
import { hashSecret } from "../auth/mod.ts";
import { type ServerConfig, serverConfigSchema } from "../config/server_config.ts";
import { openDatabase, SecretRepository, TenantRepository } from "../persistence/mod.ts";
import { temporaryFolder } from "../persistence/testing.ts";
import { tenantCommands } from "./tenants.ts";

const [first, ...others] = tenantCommands;
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
  const dataDirectory = join(folder.path, "data");
  return {
    open: () => openDatabase({ url: `sqlite:${join(dataDirectory, "relay.db")}` }),
    async run(command: string, ...values: string[]) {
      let [stdout, stderr] = ["", ""];
      const io: Io = {
        output: { write: (text) => stdout += text, writeError: (text) => stderr += text },
        env: { RELAY_SERVER__DATA_DIRECTORY: dataDirectory },
        logStream: new WritableStream(),
        isTerminal: false,
        readInput: () => Promise.resolve(""),
        onTermination: () => ({ [Symbol.dispose]: () => {} }),
      };
      const code = await runCli(program, [...command.split(" "), ...values], io);
      return { code, stdout, stderr };
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

Deno.test("tenants add makes a tenant without a secret, tenants show prints it", async () => {
  using cli = setUp();
  const added = await cli.run("tenants add Acme");
  assert.deepEqual([added.code, added.stdout], [0, ""]);
  assert.match(added.stderr, /tenants secret add Acme\n$/);
  const { code, stdout } = await cli.run("tenants show ACME");
  assert.equal(code, 0);
  const { id: _id, created, updated, ...tenant } = JSON.parse(stdout);
  assert.equal(created, updated);
  assert.deepEqual(tenant, {
    name: "Acme",
    displayName: null,
    description: null,
    requireAuthentication: false,
    maximumConcurrentConnectorRequests: 0,
    keepAliveInterval: null,
    enableTracing: false,
    reconnectMinimumDelay: null,
    reconnectMaximumDelay: null,
    acknowledgeMode: null,
    requireActiveConnection: null,
    enabled: true,
    accessPolicy: null,
  });
  assert.equal((await cli.run("tenants secret list acme")).stdout.trimEnd().split("\n").length, 1);
});

Deno.test("tenants add takes every setting", async () => {
  using cli = setUp();
  const options = "--require-authentication --maximum-concurrent-connector-requests 7 --keep-alive-interval 20s " +
    "--enable-tracing --reconnect-minimum-delay 00:00:02 --reconnect-maximum-delay=1m --acknowledge-mode manual " +
    "--require-active-connection false --disabled --description";
  const added = await cli.run(`tenants add acme ${options}`, "a site", "--display-name", "Acme Ω");
  assert.equal(added.code, 0, added.stderr);
  const { id: _id, created: _created, updated: _updated, ...tenant } = JSON.parse(
    (await cli.run("tenants show acme")).stdout,
  );
  assert.deepEqual(tenant, {
    name: "acme",
    displayName: "Acme Ω",
    description: "a site",
    requireAuthentication: true,
    maximumConcurrentConnectorRequests: 7,
    keepAliveInterval: "00:00:20",
    enableTracing: true,
    reconnectMinimumDelay: "00:00:02",
    reconnectMaximumDelay: "00:01:00",
    acknowledgeMode: "manual",
    requireActiveConnection: false,
    enabled: false,
    accessPolicy: null,
  });
});

Deno.test("tenants add fails when the name is taken in any case", async () => {
  using cli = setUp();
  await cli.run("tenants add Acme");
  const { code, stderr } = await cli.run("tenants add acme");
  assert.equal(code, 1);
  assert.match(stderr, /there is a tenant "acme" already/);
});

Deno.test("wrong names and values are wrong usage and leave the database alone", async () => {
  using cli = setUp();
  const commands = [
    "tenants add a/b",
    "tenants add ..",
    "tenants add acme --keep-alive-interval soon",
    "tenants add acme --keep-alive-interval 0s",
    "tenants add acme --keep-alive-interval 99ms",
    "tenants add acme --keep-alive-interval 25d",
    "tenants add acme --reconnect-minimum-delay 25d",
    "tenants add acme --reconnect-maximum-delay 25d",
    "tenants add acme --maximum-concurrent-connector-requests 1000001",
    "tenants add acme --maximum-concurrent-connector-requests -1",
    "tenants add acme --maximum-concurrent-connector-requests=-1",
    "tenants add acme --maximum-concurrent-connector-requests 1.5",
    "tenants add acme --reconnect-minimum-delay 2s --reconnect-maximum-delay 1s",
    "tenants add acme --acknowledge-mode sometimes",
    "tenants add acme --require-active-connection perhaps",
    "tenants secret add acme --expires never",
    "tenants secret add acme --expires 0s",
    "tenants secret add acme --expires 100000000d",
    "tenants secret add acme --use admin",
  ];
  for (const command of commands) assert.equal((await cli.run(command)).code, 2, command);
  assert.equal((await cli.run("tenants list")).stdout, "NAME  STATE  DISPLAY-NAME\n");
});

Deno.test("tenants list prints one line a tenant, whatever its display name contains", async () => {
  using cli = setUp();
  await cli.run("tenants add alpha --disabled");
  const refused = await cli.run("tenants add zulu --display-name", "\x1b[31mred\nalert");
  assert.deepEqual([refused.code, refused.stderr.includes("red")], [2, false]);
  {
    await using db = cli.open();
    await new TenantRepository(db, Date.now).insert("zulu", { displayName: "\x1b[31mred\nalert" });
  }
  assert.deepEqual((await cli.run("tenants list")).stdout.split("\n"), [
    "NAME   STATE     DISPLAY-NAME",
    "alpha  disabled  -",
    "zulu   enabled   \\u001b[31mred\\u000aalert",
    "",
  ]);
  assert.match((await cli.run("tenants list --search RED")).stdout, /^NAME.*\nzulu.*\n$/);
});

Deno.test("tenants remove removes the tenant with its secrets", async () => {
  using cli = setUp();
  await cli.run("tenants add acme");
  await cli.run("tenants secret add acme");
  assert.equal((await cli.run("tenants remove ACME")).code, 0);
  assert.equal((await cli.run("tenants show acme")).code, 1);
  await using db = cli.open();
  assert.deepEqual(await db.selectFrom("secrets").selectAll().execute(), []);
});

Deno.test("tenants secret add prints the value alone on the last line of standard output and stores its hash only", async () => {
  using cli = setUp();
  await cli.run("tenants add acme");
  const { code, stdout, stderr } = await cli.run("tenants secret add acme");
  assert.equal(code, 0);
  assert.match(stdout, /^[A-Za-z0-9_-]{43}\n$/);
  assert.ok(!stderr.includes(stdout.trim()));
  await using db = cli.open();
  const [row] = await db.selectFrom("secrets").selectAll().execute();
  assert.equal(row?.hash, await hashSecret(stdout.trim()));
  assert.ok(!JSON.stringify(row).includes(stdout.trim()));
  assert.deepEqual([row?.use, row?.expires_at], ["connector", null]);
});

Deno.test("tenants secret add, list and remove know use and expiry", async () => {
  using cli = setUp();
  await cli.run("tenants add acme");
  const before = Date.now();
  await cli.run("tenants secret add acme --use client --expires 1h");
  {
    await using db = cli.open();
    const tenant = await new TenantRepository(db, Date.now).findByName("acme");
    const [secret] = await new SecretRepository(db, Date.now).listByTenant(tenant!.id);
    assert.equal(secret?.use, "client");
    assert.ok(secret!.expiresAt! >= before + 3_600_000 && secret!.expiresAt! <= Date.now() + 3_600_000);
  }
  const listed = (await cli.run("tenants secret list acme")).stdout.split("\n");
  assert.match(listed[0]!, /^ID +USE +CREATED +EXPIRES +LAST-USED$/);
  const [id = "", use, , expires, lastUsed] = listed[1]!.split(/ +/);
  assert.deepEqual([use, lastUsed], ["client", "-"]);
  assert.match(expires!, /^\d{4}-\d\d-\d\dT/);

  await cli.run("tenants add other");
  assert.equal((await cli.run(`tenants secret remove other ${id}`)).code, 1);
  assert.equal((await cli.run(`tenants secret remove acme ${id}`)).code, 0);
  const again = await cli.run(`tenants secret remove acme ${id}`);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /has no secret/);
});

Deno.test("commands about a tenant that does not exist say so", async () => {
  using cli = setUp();
  for (
    const command of [
      "tenants show acme",
      "tenants remove acme",
      "tenants secret add acme",
      "tenants secret list acme",
      "tenants secret remove acme 1",
    ]
  ) {
    const { code, stdout, stderr } = await cli.run(command);
    assert.deepEqual([code, stdout], [1, ""], command);
    assert.match(stderr, /There is no tenant "acme"/);
  }
});
