import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkImports } from "./check_imports.ts";

/** A project in a temporary folder: every text is written to its path, `deno.json` gets the given imports. */
async function project(files: Record<string, string>, imports: Record<string, string> = {}) {
  const root = await Deno.realPath(await Deno.makeTempDir());
  const all = { "deno.json": JSON.stringify({ imports }, null, 2), ...files };
  for (const [path, text] of Object.entries(all)) {
    await Deno.mkdir(dirname(join(root, path)), { recursive: true });
    await Deno.writeTextFile(join(root, path), text);
  }
  return { root, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

async function faultsOf(files: Record<string, string>, imports: Record<string, string> = {}): Promise<string[]> {
  await using tree = await project(files, imports);
  const violations = await checkImports(tree.root);
  return violations.map(({ file, line, rule, message }) => `${file}:${line}: ${rule}: ${message}`);
}

const X = "export const x = 1;\nexport type X = 1;\n";

Deno.test("checkImports() finds nothing when every import follows the rules", async () => {
  const faults = await faultsOf({
    "server/main.ts": `import "./cli/serve.ts";`,
    "server/cli/serve.ts":
      `import "../server.ts";\nimport "../config/server_config.ts";\nimport "../../deno.json" with { type: "json" };`,
    "server/mod.ts": `export * from "./server.ts";`,
    "server/server.ts": `import "./relay/relay.ts";\nimport "./transport/memory.ts";\nimport "ws";`,
    "server/config/server_config.ts": `import "../../shared/http/message.ts";`,
    "server/relay/relay.ts": `import "../dispatch/dispatch.ts";\nimport "./failure.ts";\nimport "hono/tiny";`,
    "server/relay/relay_test.ts":
      `import "node:fs";\nimport "../server.ts";\nimport "../../tests/testkit/kit.ts";\nDeno.test("x", () => {});`,
    "server/relay/failure.ts": X,
    "server/dispatch/dispatch_test.ts": `import "./testing.ts";`,
    "server/dispatch/testing.ts": `import "node:fs";\nimport "../persistence/testing.ts";`,
    "server/persistence/testing.ts": `import "../../tests/testkit/kit.ts";`,
    "server/dispatch/dispatch.ts": `import type { X } from "../transport/memory.ts";\nexport type Y = X;`,
    "server/transport/memory.ts": `import "node:fs";\n${X}`,
    "server/server_test.ts": `import "./cli/serve.ts";`,
    "connector/connector.ts": `import "./connection/dial.ts";`,
    "connector/connection/dial.ts": `import "../targets/web.ts";\nimport "ws";`,
    "connector/targets/web.ts": X,
    "shared/http/message.ts":
      `// Deno is not used here, nor is node:fs\nconst a = "/* "; export const b = a; /* Deno */\n`,
    "tests/testkit/kit.ts": `import "../../server/persistence/testing.ts";\nimport "../../connector/connector.ts";`,
    "tools/demo.ts": `import "../server/server.ts";`,
  }, { "hono": "npm:hono@4.13.19", "ws": "npm:ws@8.23.0" });
  assert.deepEqual(faults, []);
});

Deno.test("checkImports() finds every form of import when programs import each other", async () => {
  const faults = await faultsOf({
    "connector/targets/web.ts": X,
    "shared/mod.ts": `import "../server/auth/keys.ts";`,
    "server/auth/keys.ts": [
      `import { x } from "../../connector/targets/web.ts";`,
      `export const a = x;`,
    ].join("\n"),
    "server/auth/type.ts": `\nimport type { X } from "../../connector/targets/web.ts";\nexport type Y = X;`,
    "server/auth/again.ts": `export * from "../../connector/targets/web.ts";`,
    "server/auth/late.ts": `export const a = () => import("../../connector/targets/web.ts");`,
    "server/auth/query.ts": `export type A = import("../../connector/targets/web.ts").X;`,
    "connector/targets/echo.ts": `import "../../server/auth/keys.ts";`,
  });
  assert.deepEqual(faults, [
    "connector/targets/echo.ts:1: direction: connector/ must not import server/auth/keys.ts",
    "server/auth/again.ts:1: direction: server/ must not import connector/targets/web.ts",
    "server/auth/keys.ts:1: direction: server/ must not import connector/targets/web.ts",
    "server/auth/late.ts:1: direction: server/ must not import connector/targets/web.ts",
    "server/auth/query.ts:1: direction: server/ must not import connector/targets/web.ts",
    "server/auth/type.ts:2: direction: server/ must not import connector/targets/web.ts",
    "shared/mod.ts:1: direction: shared/ must not import server/auth/keys.ts",
  ]);
});

Deno.test("checkImports() refuses tests and what is outside when code imports them", async () => {
  const faults = await faultsOf({
    "shared/a.ts": `import "../tests/testkit/kit.ts";`,
    "shared/b.ts": `import "./a_test.ts";\nimport "./testing.ts";`,
    "shared/testing.ts": X,
    "shared/c.ts": `import "../../outside.ts";`,
    "shared/a_test.ts": `import "../tests/relay_test.ts";`,
    "connector/a_test.ts": `import "../server/auth/testing.ts";`,
    "server/auth/testing.ts": X,
    "shared/d_test.ts": `import "../tests/helper.ts";`,
    "tests/testkit/kit.ts": X,
    "tests/helper.ts": X,
    "tests/relay_test.ts": X,
  });
  assert.deepEqual(faults, [
    "connector/a_test.ts:1: direction: connector/ must not import server/auth/testing.ts",
    "shared/a.ts:1: direction: shared/ must not import tests/testkit/kit.ts",
    "shared/a_test.ts:1: direction: tests/relay_test.ts is for tests only",
    "shared/b.ts:1: direction: shared/a_test.ts is for tests only",
    "shared/b.ts:2: direction: shared/testing.ts is for tests only",
    "shared/c.ts:1: direction: shared/ must not import ../outside.ts",
    "shared/d_test.ts:1: direction: shared/ must not import tests/helper.ts",
  ]);
});

Deno.test("checkImports() keeps the layers when code looks up or sideways", async () => {
  const faults = await faultsOf({
    "server/server.ts": `import "./cli/serve.ts";`,
    "server/cli/serve.ts": X,
    "server/relay/a.ts": `import type { X } from "../connectors/registry.ts";\nexport type Y = X;`,
    "server/relay/a_test.ts": `import "../connectors/registry.ts";`,
    "server/connectors/registry.ts": `${X}import "../relay/a.ts";`,
    "server/dispatch/a.ts": `import "../server.ts";`,
    "server/persistence/a.ts": `import "../dispatch/a.ts";`,
    "server/odd/a.ts": `import "../persistence/a.ts";`,
    "connector/connector.ts": X,
    "connector/connection/dial.ts": `import "../connector.ts";`,
  });
  assert.deepEqual(faults, [
    "connector/connection/dial.ts:1: layers: connector/connection/ is below connector/connector.ts (imports connector/connector.ts)",
    "server/connectors/registry.ts:3: layers: server/connectors/ and server/relay/ must not know each other (imports server/relay/a.ts)",
    "server/dispatch/a.ts:1: layers: server/dispatch/ is below server/server.ts (imports server/server.ts)",
    "server/odd/a.ts:1: layers: server/odd/a.ts has no place in the layers of tools/check_imports.ts",
    "server/persistence/a.ts:1: layers: server/persistence/ is below server/dispatch/ (imports server/dispatch/a.ts)",
    "server/relay/a.ts:1: layers: server/relay/ and server/connectors/ must not know each other (imports server/connectors/registry.ts)",
    "server/relay/a_test.ts:1: layers: server/relay/ and server/connectors/ must not know each other (imports server/connectors/registry.ts)",
    "server/server.ts:1: layers: server/server.ts is below server/cli/ (imports server/cli/serve.ts)",
  ]);
});

Deno.test("checkImports() refuses the platform when a folder is for web standards only", async () => {
  const faults = await faultsOf({
    "shared/protocol/codec.ts": `// Deno\nconst address = "http://x"; export const a = Deno.pid + address;`,
    "shared/protocol/bytes.ts": `import { Buffer } from "node:buffer";\nexport const b = Buffer;`,
    "shared/http/socket.ts": `import type { WebSocket } from "ws";\nexport type Y = WebSocket;`,
    "server/relay/a.ts":
      `import { x } from "../auth/keys.ts";\nimport type { X } from "../auth/hash.ts";\nexport const y: X = x;`,
    "server/auth/keys.ts": `export * from "./hash.ts";`,
    "server/auth/hash.ts": `import "node:crypto";\n${X}`,
  }, { "ws": "npm:ws@8.23.0" });
  assert.deepEqual(faults, [
    `server/relay/a.ts:1: web-only: loads server/auth/keys.ts -> server/auth/hash.ts, which uses "node:crypto"`,
    `shared/http/socket.ts:1: web-only: uses "ws"`,
    `shared/protocol/bytes.ts:1: web-only: uses "node:buffer"`,
    `shared/protocol/codec.ts:2: web-only: uses Deno`,
  ]);
});

Deno.test("checkImports() refuses an import when it is not an npm package of deno.json", async () => {
  const faults = await faultsOf({
    "shared/a.ts": `import "jsr:@std/path";\nimport "https://example.com/a.ts";\nimport "npm:ws@8";\nimport "unknown";`,
    "shared/b.ts": `import "@std/path";\nimport "loose";`,
  }, { "@std/path": "jsr:@std/path@1", "loose": "npm:ws@8" });
  assert.deepEqual(faults.filter((fault) => !fault.includes(": resolve: ")), [
    `deno.json:3: npm-only: "jsr:@std/path@1" is not an npm package with an exact version`,
    `deno.json:4: npm-only: "npm:ws@8" is not an npm package with an exact version`,
    `shared/a.ts:1: npm-only: "jsr:@std/path" comes neither from npm nor from this project`,
    `shared/a.ts:2: npm-only: "https://example.com/a.ts" comes neither from npm nor from this project`,
    `shared/a.ts:3: npm-only: "npm:ws@8" must be imported by its name in deno.json`,
    `shared/b.ts:1: npm-only: "@std/path" comes neither from npm nor from this project`,
  ]);
  assert.match(faults.find((fault) => fault.includes(": resolve: ")) ?? "", /^shared\/a\.ts:4: resolve: .*"unknown"/);
});

Deno.test("checkImports() reports a file when it cannot be parsed", async () => {
  const faults = await faultsOf({ "shared/a.ts": `import { x from "./b.ts";` });
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? "", /^shared\/a\.ts:1: resolve: .*Expected/);
});

Deno.test("check_imports.ts exits with 1 and names file and line when a rule is broken", async () => {
  await using tree = await project({ "shared/a.ts": `\nimport "../server/b.ts";`, "server/b.ts": X });
  const script = fileURLToPath(new URL("./check_imports.ts", import.meta.url));
  const run = () =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-read", "--allow-run", script],
      cwd: tree.root,
      env: { NO_COLOR: "1" },
    }).output();
  const broken = await run();
  assert.equal(broken.code, 1);
  assert.equal(
    new TextDecoder().decode(broken.stderr),
    "shared/a.ts:2: direction: shared/ must not import server/b.ts\n",
  );
  await Deno.writeTextFile(join(tree.root, "shared/a.ts"), "");
  assert.equal((await run()).code, 0);
});
