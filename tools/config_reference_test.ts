import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { renderReference } from "./config_reference.ts";

Deno.test("renderReference() describes every key", () => {
  assert.deepEqual(renderReference().split("\n").filter((line) => /^\| `.*\|\s*\|$/.test(line)), []);
});

Deno.test("the command writes nothing when it is called in another way than it knows", async () => {
  for (const args of [["--chekc"], ["--help"], ["--check", "docs"]]) {
    // Without the permission to write, an attempt would end with 1.
    const command = ["run", "--no-prompt", "--allow-read", "--allow-env", "tools/config_reference.ts", ...args];
    const cwd = fileURLToPath(new URL("../", import.meta.url));
    const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: command, cwd }).output();
    assert.deepEqual(
      [code, new TextDecoder().decode(stderr)],
      [2, "Usage: deno task docs [--check]\n"],
      args.join(" "),
    );
  }
});
