import assert from "node:assert/strict";
import { requireCommands } from "./requirement.ts";

const NOWHERE = "no-such-program-anywhere";

/** Runs something while `RELAY_TEST_REQUIRE` has this value. */
async function requiring<T>(value: string, run: () => Promise<T>): Promise<T> {
  const before = Deno.env.get("RELAY_TEST_REQUIRE");
  Deno.env.set("RELAY_TEST_REQUIRE", value);
  try {
    return await run();
  } finally {
    if (before === undefined) Deno.env.delete("RELAY_TEST_REQUIRE");
    else Deno.env.set("RELAY_TEST_REQUIRE", before);
  }
}

Deno.test("requireCommands() finds what is installed", async () => {
  const requirement = await requireCommands(["cat"], { requirement: "proxy" });
  assert.equal(requirement.isSkipped, false);
  assert.equal(requirement.label("cat: works"), "cat: works");
  assert.match(requirement.path("cat"), /^\/.*\/cat$/);
});

Deno.test("requireCommands() skips by name and reason when something is absent", async () => {
  const requirement = await requiring("", () => requireCommands(["cat", NOWHERE], { requirement: "proxy" }));
  assert.equal(requirement.isSkipped, true);
  assert.equal(requirement.label("works"), `works (skipped: ${NOWHERE} not installed)`);
});

Deno.test("requireCommands() does not skip when the absent is required", async () => {
  const requirement = await requiring("postgres, proxy", () => requireCommands([NOWHERE], { requirement: "proxy" }));
  assert.equal(requirement.isSkipped, false);
  assert.equal(requirement.label("works"), "works");
  assert.throws(() => requirement.path(NOWHERE), /is not installed, and RELAY_TEST_REQUIRE asks for proxy/);
});
