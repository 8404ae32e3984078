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
