/**
 * Requests that people send by management: recorded ones again, made-up ones, pings.
 */

import assert from "node:assert/strict";
import { RecordedSite } from "./testkit/recorded_site.ts";

Deno.test("a recorded request is sent again, also changed, and compared", async () => {
  const seen: string[] = [];
  await using recorded = await RecordedSite.start(async (request) => {
    seen.push(
      `${request.method} ${new URL(request.url).pathname} ${request.headers.get("x-who")} ${await request.text()}`,
    );
    return Response.json({ count: seen.length, kept: true }, { headers: { "X-Count": String(seen.length) } });
  });
  const id = await recorded.record();
  await (await recorded.relay("app/a", { method: "PUT", body: "one", headers: { "X-Who": "me" } })).text();
  const request = await recorded.request(id);
  const path = `${recorded.path}/recordings/${id}/requests/${request.id}/replay` as const;
  const again = await recorded.api.call("POST", path, { json: {} });
  assert.equal(again.status, 200, again.text);
  const { answer, comparison } = again.json;
  assert.equal(answer.response.status, 200);
  assert.notEqual(answer.requestId, request.requestId);
  assert.ok(comparison !== null);
  assert.equal(comparison.isSameStatus, true);
  assert.equal(comparison.body.isSame, false);
  assert.deepEqual(comparison.body.lines?.filter(({ change }) => change !== "same"), [
    { change: "removed", text: '  "count": 1,\n' },
    { change: "added", text: '  "count": 2,\n' },
  ]);
  const count = comparison.headers.find(({ name }) => name === "x-count");
  assert.deepEqual([count?.change, count?.recorded, count?.replayed], ["changed", ["1"], ["2"]]);
  await recorded.api.call("POST", path, {
    json: { method: "POST", path: "/b", headers: [], body: { encoding: "base64", content: "dHdv" } },
  });
  assert.deepEqual(seen, ["PUT /a me one", "PUT /a me one", "POST /b null two"]);
  const logged = await recorded.api.call("GET", "/audit?action=request.replay");
  assert.equal(logged.json.totalCount, 2);
});

Deno.test("a request is tried on a tenant that wants authentication, and its time is explained", async () => {
  await using recorded = await RecordedSite.start((request) =>
    new Response(request.headers.get("authorization"), { status: 418 })
  );
  const tenant = await recorded.api.call("GET", recorded.path);
  await recorded.api.call("PUT", recorded.path, { json: { ...tenant.json, requireAuthentication: true } });
  assert.equal((await recorded.relay("app/")).status, 401);
  const json = { target: "app", path: "/x", headers: [{ name: "Authorization", value: "Basic abc" }] };
  const tried = await recorded.api.call("POST", `${recorded.path}/try`, { json });
  const { response, times, connection, errorCode } = tried.json;
  assert.deepEqual([response.status, response.body?.content, errorCode], [418, "Basic abc", null]);
  const { waitMs, tunnelMs, targetMs, bodyMs, totalMs } = times;
  for (const time of [waitMs, tunnelMs, targetMs, bodyMs]) {
    assert.ok(time !== null && time >= 0 && time <= totalMs, JSON.stringify(times));
  }
  assert.ok(connection !== null && connection.machineName !== "");
  const unknown = await recorded.api.call("POST", `${recorded.path}/try`, { json: { target: "nothing" } });
  assert.deepEqual([unknown.json.response.status, unknown.json.errorCode], [404, "target_unknown"]);
});

Deno.test("connectors and targets are pinged", async () => {
  await using recorded = await RecordedSite.start((request) =>
    new Response(null, { status: request.method === "HEAD" ? 204 : 500 })
  );
  const { json } = await recorded.api.call("POST", `${recorded.path}/ping`, { json: { target: "app" } });
  const { connections, target } = json;
  assert.equal(connections.length, 1);
  assert.ok(connections[0]!.roundTripMs! > 0);
  assert.deepEqual([target?.status, target?.errorCode], [204, null]);
});
