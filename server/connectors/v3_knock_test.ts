import assert from "node:assert/strict";
import { testLog } from "../../tests/testkit/log.ts";
import { assertProblem } from "../../tests/testkit/http.ts";
import { startServer } from "../../tests/testkit/server.ts";
import { V3Knock } from "./v3_knock.ts";

const LINE = { message: /^A connector of RelayServer v3/ };

Deno.test("V3Knock logs once a minute and counts what it did not log", () => {
  let nowMs = 0;
  const knock = new V3Knock(() => nowMs);
  const before = testLog.find(LINE).length;
  for (nowMs of [0, 1000, 59_999, 60_000, 61_000]) assert.equal(knock.refusal("10.0.0.1").code, "invalid_request");
  const lines = testLog.find(LINE).slice(before);
  assert.deepEqual(lines.map(({ properties }) => properties.others), [0, 2]);
});

Deno.test("V3Knock covers negotiate and nothing else", () => {
  const knock = new V3Knock();
  for (const target of ["/connector/negotiate", "/connector/negotiate?negotiateVersion=1"]) {
    assert.ok(knock.covers(target));
  }
  for (const target of ["/connector", "/connector/negotiated", "/relay/a/connector/negotiate"]) {
    assert.ok(!knock.covers(target), target);
  }
});

Deno.test("the server answers a v3 connector with 400, and says which protocol it speaks", async () => {
  await using server = await startServer();
  const response = await fetch(`${server.url}/connector/negotiate?negotiateVersion=1`, { method: "POST" });
  const text = await response.clone().text();
  await assertProblem(response, { status: 400, code: "invalid_request" });
  assert.match(text, /relayserver\.v1.*SignalR/);
});
