import assert from "node:assert/strict";
import { startDeno } from "../../tests/testkit/process.ts";

async function compileTask(args: readonly string[], env: Record<string, string> = {}) {
  await using process = startDeno(["run", "-A", "tools/compile/main.ts", ...args], { env });
  const { code } = await process.status;
  return { code, out: process.stdout, err: process.stderr };
}

Deno.test("deno task compile refuses what it does not know with exit code 2", async () => {
  const env = { DENORT_BIN: "/nowhere" };
  for (
    const [args, message] of [
      [["gateway"], /Unknown program gateway/],
      [["--target", "mips"], /Unknown target mips/],
      [["--fast"], /--fast/],
      [["--target", "all"], /DENORT_BIN is a base runtime of one target/],
    ] as const
  ) {
    const { code, err } = await compileTask(args, env);
    assert.equal(code, 2, err);
    assert.match(err, message);
  }
});

Deno.test("deno task compile says what to set when there is no base runtime", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, err } = await compileTask(["connector", "--output", folder], { DENORT_BIN: "/nowhere/denort" });
    assert.equal(code, 1, err);
    assert.match(err, /^Cannot compile the connector for .*Set DENORT_BIN .* RELAY_COMPILE_DENO/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("deno task compile leaves no copy of the sources behind when it is ended in the middle", async () => {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  try {
    const [temporary, deno, called] = [`${folder}/tmp`, `${folder}/deno`, `${folder}/called`];
    await Deno.mkdir(temporary);
    await Deno.writeTextFile(called, "");
    const version = `[ "$1" = --version ] && exec echo "deno ${Deno.version.deno} ()"`;
    await Deno.writeTextFile(deno, `#!/bin/sh\n${version}\necho >> ${called}\nexec sleep 60\n`, { mode: 0o755 });
    using watcher = Deno.watchFs(called);
    const env = { TMPDIR: temporary, RELAY_COMPILE_DENO: deno };
    const args = ["run", "-A", "tools/compile/main.ts", "connector", "--output", `${folder}/dist`];
    await using process = startDeno(args, { env });
    await Promise.race([watcher[Symbol.asyncIterator]().next(), process.status]);
    const { code } = await process.stop({ signal: "SIGINT" });
    assert.deepEqual([code, process.stderr], [1, "Stopped\n"]);
    assert.deepEqual([...Deno.readDirSync(temporary)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
