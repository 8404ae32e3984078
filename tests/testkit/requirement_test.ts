import assert from "node:assert/strict";
import { requireCommands } from "./requirement.ts";

const NOWHERE = "no-such-program-anywhere";

Deno.test("requireCommands() finds what is installed", async () => {
  const requirement = await requireCommands(["cat"], { requirement: "proxy" });
  assert.equal(requirement.isSkipped, false);
  assert.equal(requirement.label("cat: works"), "cat: works");
  assert.match(requirement.path("cat"), /^\/.*\/cat$/);
});

Deno.test("requireCommands() skips by name and reason when something is absent", async () => {
  const requirement = await requireCommands(["cat", NOWHERE], { requirement: "proxy", required: "" });
  assert.equal(requirement.isSkipped, true);
  assert.equal(requirement.label("works"), `works (skipped: ${NOWHERE} not installed)`);
});

Deno.test("requireCommands() does not skip when the absent is required", async () => {
  const requirement = await requireCommands([NOWHERE], { requirement: "proxy", required: "postgres, proxy" });
  assert.equal(requirement.isSkipped, false);
  assert.equal(requirement.label("works"), "works");
  assert.throws(() => requirement.path(NOWHERE), /is not installed, and RELAY_TEST_REQUIRE asks for proxy/);
});
