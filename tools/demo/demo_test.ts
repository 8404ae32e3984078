import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type ChildProcess, PROJECT_ROOT, startDeno } from "../../tests/testkit/process.ts";

const DEFAULT_PORTS = [8080, 8081, 5000];
const START = { timeoutMs: 60_000 };

function startDemo(args: readonly string[] = [], cwd = PROJECT_ROOT): ChildProcess {
  // What is in the user's environment must not reach the demo's own programs.
  const env = { RELAY_SERVER__DATABASE__URL: "sqlite:/dev/null/relay.db", RELAY_CONNECTOR__LOG__LEVEL: "loud" };
  return startDeno(["task", "--quiet", "demo", ...args], { cwd, env });
}

/** Listens on a port, unless somebody does already. */
function occupy(port: number): Disposable {
  try {
    const listener = Deno.listen({ hostname: "127.0.0.1", port });
    return { [Symbol.dispose]: () => listener.close() };
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return { [Symbol.dispose]: () => {} };
  }
}

async function dataDirectory(demo: ChildProcess): Promise<string> {
  return (await demo.waitForLine(/^ +data in (.+)$/, START))[1]!;
}

Deno.test("demo --once relays a request and ends when the default ports are taken", async () => {
  using ports = new DisposableStack();
  for (const port of DEFAULT_PORTS) ports.use(occupy(port));
  await using demo = startDemo(["--once"]);
  const url = new URL((await demo.waitForLine(/curl -i (http\S+\/relay\/demo\/sample\/hello)$/, START))[1]!);
  assert.ok(!DEFAULT_PORTS.includes(Number(url.port)), url.port);
  const { code } = await demo.status;
  assert.equal(code, 0, demo.output);
  assert.match(demo.stdout, /^ +HTTP\/1\.1 200 OK$/m);
  assert.match(demo.stdout, /^ +\{"message":"Hello from the sample target","via":"1\.1 relayserver"\}$/m);
  await assert.rejects(fetch(url), TypeError);
});

Deno.test("demo keeps running, relays what it says to try, and ends with 0 when asked to", async () => {
  await using demo = startDemo();
  await demo.waitForLine(/Ctrl\+C/, START);
  const urls = [...demo.stdout.matchAll(/^ +curl (.*?)"?(http[^"\s]+)"?$/gm)];
  assert.equal(urls.length, 6);
  for (const [line, options, url] of urls) {
    const response = await fetch(url!, options!.includes("--data") ? { method: "POST", body: "data" } : {});
    assert.equal(response.status, 200, line);
    await response.body?.cancel();
  }
  const [, management, name, password] = await demo.waitForLine(/(http\S+)\/ +user (\w+), password (\w+)$/, START);
  const login = await fetch(`${management}/management/session`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name, password }),
  });
  assert.equal(login.status, 200, await login.text());
  const directory = await dataDirectory(demo);
  assert.ok((await Deno.stat(directory)).isDirectory);
  assert.equal((await demo.stop()).code, 0);
  assert.match(demo.stdout, /Stopping/);
  await assert.rejects(Deno.stat(directory), Deno.errors.NotFound);
  await assert.rejects(fetch(urls[0]![2]!), TypeError);
});

Deno.test("demo ends with 1 and the last lines of a program that ended, also of one that was killed", async () => {
  await using demo = startDemo();
  await demo.waitForLine(/Ctrl\+C/, START);
  const [, url, pid] = /^4\. .*\n.*\n +(http\S+), process (\d+)$/m.exec(demo.stdout)!;
  Deno.kill(Number(pid), "SIGKILL");
  assert.equal((await demo.status).code, 1);
  assert.match(demo.stderr, /The server ended unexpectedly: SIGKILL[^]* is ready: /);
  await assert.rejects(Deno.stat(await dataDirectory(demo)), Deno.errors.NotFound);
  await assert.rejects(fetch(url!), TypeError);
});

Deno.test("demo ends with 1 when the sample target cannot start", async () => {
  const copy = await Deno.makeTempDir();
  try {
    const files = ["main", "demo", "child", "ports", "requests"].map((name) => `tools/demo/${name}.ts`);
    for (const file of ["deno.json", "deno.lock", "shared/cli/io.ts", ...files]) {
      await Deno.mkdir(dirname(join(copy, file)), { recursive: true });
      await Deno.copyFile(join(PROJECT_ROOT, file), join(copy, file));
    }
    const broken = `export const GREETING = ""; if (import.meta.main) throw new Error("no target today");`;
    await Deno.writeTextFile(join(copy, "tools/demo/sample_target.ts"), broken);
    await using demo = startDemo(["--once"], copy);
    assert.equal((await demo.status).code, 1);
    assert.match(demo.stderr, /The sample target ended unexpectedly: exit code 1[^]*no target today/);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});

Deno.test("demo ends with 1 when it is stopped before a request was relayed", async () => {
  await using demo = startDemo(["--once"]);
  await demo.waitForLine(/server tenants add/, START);
  assert.equal((await demo.stop()).code, 1);
  assert.match(demo.stderr, /before a request was relayed/);
});

Deno.test("demo explains itself, and refuses options that it does not have", async () => {
  await using help = startDemo(["--help"]);
  await using wrong = startDemo(["--twice"]);
  assert.deepEqual([(await help.status).code, (await wrong.status).code], [0, 2]);
  assert.match(help.stdout, /Usage: deno task demo \[--once\]/);
  assert.match(wrong.stderr, /--twice[^]*See deno task demo --help/);
});
