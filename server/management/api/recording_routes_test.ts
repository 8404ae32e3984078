import assert from "node:assert/strict";
import type { NewRecordedRequest, RecordedMessages } from "../../persistence/mod.ts";
import { type ManagementSite, managementTest, managementTestOnDatabases } from "../testing.ts";

const PATH = "/management/tenants/acme/recordings";
const HOSTILE = `"><script>alert(1)</script>'; rm -rf / #`;

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function whole(text: string) {
  return { base64: base64(text), sizeBytes: new TextEncoder().encode(text).length, isCut: false, isComplete: true };
}

function recorded(messages: Partial<RecordedMessages> = {}): NewRecordedRequest {
  return {
    id: crypto.randomUUID(),
    requestId: crypto.randomUUID(),
    originId: crypto.randomUUID(),
    startedAt: Date.UTC(2026, 0, 1),
    durationMs: 12.5,
    target: "app",
    method: "POST",
    path: "/a?b=1",
    clientAddress: "192.0.2.1",
    status: 200,
    outcome: "succeeded",
    errorCode: null,
    messages: {
      clientRequest: {
        method: "POST",
        path: "/relay/acme/app/a?b=1",
        headers: [["Host", "relay.local:8080"], ["Authorization", "[masked]"], ["X-A", "1"]],
        body: whole("hello"),
      },
      targetRequest: null,
      targetResponse: null,
      clientResponse: {
        status: 200,
        headers: [["Content-Type", "text/html"], ["Set-Cookie", "[masked]"]],
        body: whole(HOSTILE),
      },
      maskedHeaders: ["authorization", "set-cookie"],
      ...messages,
    },
  };
}

/** A tenant with a recording and a request in it. */
async function setUp(site: ManagementSite, messages: Partial<RecordedMessages> = {}) {
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  const { json: { id } } = await site.call("POST", PATH, { json: {} });
  const request = recorded(messages);
  assert.ok(await site.store.recordings.addRequest(id, request));
  return { id, request, path: `${PATH}/${id}/requests/${request.id}` as const };
}

managementTestOnDatabases(
  "a recording is begun, read, stopped and removed, and the audit says by whom",
  async (site) => {
    await site.call("POST", "/management/tenants", { json: { name: "Acme" } });
    const begun = await site.call("POST", PATH, {
      as: "writer",
      json: {
        duration: "00:10:00",
        target: "app",
        pathPrefix: "/x",
        status: "5xx",
        maskHeaders: ["X-B", "x-b"],
        bodies: false,
      },
    });
    assert.equal(begun.status, 201, begun.text);
    const { id, startedBy, started, ends, ...rest } = begun.json;
    assert.match(startedBy, /^writer /);
    assert.equal(Date.parse(ends) - Date.parse(started), 600_000);
    assert.deepEqual(rest, {
      state: "running",
      target: "app",
      pathPrefix: "/x",
      status: "5xx",
      maskHeaders: ["x-b"],
      bodies: false,
      ended: null,
      endReason: null,
      duration: "00:10:00",
      requests: 0,
      maxRequests: 100,
      sizeBytes: 0,
      maxSizeBytes: 1_000_000,
      dropped: 0,
    });
    assert.equal(begun.headers.get("Location"), `${PATH}/${id}`);
    assert.ok(site.told.includes("recordings changed"));
    assert.deepEqual((await site.call("GET", `${PATH}/${id}`, { as: "reader" })).json, begun.json);
    const page = await site.call("GET", PATH, { as: "reader" });
    assert.deepEqual(page.json, { results: [begun.json], totalCount: 1, offset: 0, pageSize: 10 });
    const stopped = await site.call("POST", `${PATH}/${id}/stop`);
    assert.deepEqual([stopped.status, stopped.json.state, stopped.json.endReason], [200, "ended", "stopped"]);
    assert.deepEqual((await site.call("POST", `${PATH}/${id}/stop`)).json, stopped.json);
    assert.equal((await site.call("DELETE", `${PATH}/${id}`)).status, 204);
    assert.equal((await site.call("GET", `${PATH}/${id}`)).status, 404);
    const { json: { results } } = await site.call("GET", `/management/audit?subjectKind=recording`);
    assert.deepEqual(
      results.map(({ action, subject }) => [action, subject.id]),
      [["recording.remove", id], ["recording.stop", id], ["recording.create", id]],
    );
  },
);

managementTest("wrong fields of a recording are refused one by one", async (site) => {
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  const wrong: Record<string, unknown[]> = {
    duration: ["0s", "01:00:01", 5, null, "forever", "-00:01:00"],
    target: ["a b", "..", "<b>", "x".repeat(101), 5, ""],
    pathPrefix: ["a\u0000", "x".repeat(1_001), 5, "\ud800"],
    status: ["6xx", "40", "ok", 404],
    maskHeaders: ["x", [5], ["a b"], ["a\n"], ["ä"], Array(101).fill("x"), [""]],
    bodies: ["yes", null],
    minutes: [5],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const { status, problems } = await site.call("POST", PATH, { json: { [field]: value } });
      const what = `${field}: ${JSON.stringify(value)}`;
      assert.equal(status, 400, what);
      assert.ok(problems.every(({ path }) => path.split(".")[0] === field), what);
    }
  }
  assert.equal((await site.call("GET", PATH)).json.totalCount, 0);
});

managementTest("no more than five recordings of a tenant run at a time", async (site) => {
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  for (let count = 0; count < 5; count++) assert.equal((await site.call("POST", PATH, { json: {} })).status, 201);
  const refused = await site.call("POST", PATH, { json: {} });
  assert.deepEqual([refused.status, refused.problem.code], [400, "invalid_request"]);
});

managementTest("a recording of another tenant is not there", async (site) => {
  const { id, request } = await setUp(site);
  await site.call("POST", "/management/tenants", { json: { name: "other" } });
  const base = `/management/tenants/other/recordings/${id}`;
  for (const rest of ["", "/har", "/curl", "/requests", `/requests/${request.id}`, `/requests/${request.id}/curl`]) {
    const { status, problem } = await site.call("GET", base + rest);
    assert.deepEqual([status, problem.code], [404, "not_found"], rest);
  }
  assert.equal((await site.call("DELETE", base)).status, 404);
  assert.equal((await site.call("POST", `${base}/stop`)).status, 404);
  assert.equal((await site.call("POST", `${base}/requests/${request.id}/replay`, { json: {} })).status, 404);
  assert.equal(site.sent.length, 0);
});

managementTest("ids and names of messages in paths cannot be anything else", async (site) => {
  const { id, path } = await setUp(site);
  const paths = [`${PATH}/1`, `${PATH}/%00/requests`, `${PATH}/${id}/requests/x`, `${path}/bodies/all`];
  for (const wrong of paths) assert.equal((await site.call("GET", wrong)).status, 400, wrong);
  assert.equal((await site.call("GET", `${PATH}/${id}/requests?take=0`)).problems[0]?.path, "take");
  assert.equal((await site.call("GET", `${path}/bodies/target-request`)).problem.code, "not_found");
});

managementTestOnDatabases("recorded requests are read with their bodies", async (site) => {
  const { id, request, path } = await setUp(site);
  const { json: { results: [summary], totalCount } } = await site.call("GET", `${PATH}/${id}/requests`, {
    as: "writer",
  });
  assert.equal(totalCount, 1);
  assert.deepEqual(summary, {
    id: request.id,
    requestId: request.requestId,
    originId: request.originId,
    started: "2026-01-01T00:00:00.000Z",
    durationMs: 12.5,
    target: "app",
    method: "POST",
    path: "/a?b=1",
    clientAddress: "192.0.2.1",
    status: 200,
    outcome: "succeeded",
    errorCode: null,
  });
  const { json } = await site.call("GET", path, { as: "writer" });
  assert.equal(json.clientRequest.body?.content, "hello");
  assert.equal(json.clientResponse?.body?.content, HOSTILE);
  assert.equal(json.targetRequest, null);
});

managementTest("a body is downloaded as a file that no browser runs", async (site) => {
  const types = ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", "a\u00e9/b", "__proto__"];
  for (const type of types) {
    const headers = [["Content-Type", type]] as const;
    const { path } = await setUp(site, { clientResponse: { status: 200, headers, body: whole(HOSTILE) } });
    const answer = await site.fetch("GET", `${path}/bodies/client-response`);
    assert.equal(answer.headers.get("Content-Type"), "application/octet-stream", type);
    assert.match(
      answer.headers.get("Content-Disposition") ?? "",
      /^attachment; filename="[0-9a-f-]+-client-response\.bin"$/,
    );
    assert.match(answer.headers.get("Content-Security-Policy") ?? "", /^sandbox; default-src 'none'$/);
    assert.equal(answer.headers.get("X-Content-Type-Options"), "nosniff");
    assert.equal(answer.headers.get("Cross-Origin-Resource-Policy"), "same-origin");
    assert.equal(await answer.text(), HOSTILE);
    await site.call("DELETE", "/management/tenants/acme");
  }
  const headers = [["content-type", "IMAGE/PNG; x=y"]] as const;
  const { path } = await setUp(site, { clientResponse: { status: 200, headers, body: whole("png") } });
  const image = await site.fetch("GET", `${path}/bodies/client-response`);
  assert.equal(image.headers.get("Content-Type"), "image/png");
  assert.match(image.headers.get("Content-Disposition") ?? "", /^attachment; .*\.png"$/);
  await image.body?.cancel();
});

managementTest("a replay sends what was recorded, without what was masked", async (site) => {
  const { id, request, path } = await setUp(site);
  const { status, json } = await site.call("POST", `${path}/replay`, { as: "writer", json: {} });
  assert.equal(status, 200);
  const { body, ...sent } = site.sent[0]!;
  assert.deepEqual(sent, {
    tenantName: "acme",
    target: "app",
    method: "POST",
    path: "/a?b=1",
    headers: [["X-A", "1"]],
    host: "relay.local:8080",
    clientAddress: "192.0.2.7",
  });
  assert.equal(new TextDecoder().decode(body!), "hello");
  assert.equal(json.answer.requestId, site.answer.requestId);
  const changes = json.comparison?.headers.map(({ name, change }) => [name, change]);
  assert.deepEqual(changes, [["content-type", "changed"], ["set-cookie", "masked"]]);
  const { json: { results: [entry] } } = await site.call("GET", "/management/audit?action=request.replay");
  assert.deepEqual(entry?.after, {
    recordingId: id,
    requestId: request.requestId,
    target: "app",
    method: "POST",
    path: "/a",
  });
});

managementTest("a body that was not recorded whole is not sent again by itself", async (site) => {
  const { clientRequest } = recorded().messages;
  const { path } = await setUp(site, { clientRequest: { ...clientRequest, body: { ...whole("cut"), isCut: true } } });
  const { status, problems } = await site.call("POST", `${path}/replay`, { json: {} });
  assert.deepEqual([status, problems[0]?.path], [400, "body"]);
  assert.equal((await site.call("POST", `${path}/replay`, { json: { body: null } })).status, 200);
  assert.equal(site.sent[0]!.body, null);
});

managementTest("requests that HTTP cannot carry are refused by field", async (site) => {
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  const header = (name: string, value = "x") => [{ name, value }];
  const wrong: Record<string, unknown[]> = {
    target: ["", "a/b", "..", 5, undefined],
    method: ["", "get", "CONNECT", "G T", "G\r\nX: y", 5],
    path: ["x", "/a b", "/a#b", "/a\r\nHost: evil", "/../x", "/%2e%2e/x", "/\u2603", 5, `/${"x".repeat(16_001)}`],
    headers: [
      5,
      header("a b"),
      header("a\r\nb"),
      header("X", "a\r\nb: c"),
      header("X", "\u2603"),
      header("X", "\u0000"),
      header("Transfer-Encoding", "chunked"),
      header("Content-Length", "5"),
      header("Connection", "close"),
      header("RelayServer-RequestId"),
      [{ name: "x" }],
      Array(201).fill({ name: "x", value: "y" }),
    ],
    body: ["x", { encoding: "text" }, { encoding: "hex", content: "" }, { encoding: "base64", content: "a" }, {
      encoding: "text",
      content: "\ud800",
    }],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const json = { target: "app", [field]: value };
      const { status, problems } = await site.call("POST", "/management/tenants/acme/try", { json });
      const what = `${field}: ${JSON.stringify(value)?.slice(0, 60)}`;
      assert.equal(status, 400, what);
      assert.ok(problems.every(({ path }) => path.split(".")[0] === field), what);
    }
  }
  assert.equal(site.sent.length, 0);
});

managementTest("a try tells what came back and where the time went", async (site) => {
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  const { status, json } = await site.call("POST", "/management/tenants/acme/try", {
    as: "writer",
    json: { target: "app" },
  });
  assert.equal(status, 200);
  assert.equal(json.response.body?.content, "answer");
  assert.deepEqual(json.times, { waitMs: 1, tunnelMs: 2, targetMs: 3, bodyMs: 4, totalMs: 10 });
  assert.deepEqual([site.sent[0]!.method, site.sent[0]!.path, site.sent[0]!.host], ["GET", "/", "relay.example.com"]);
  const { json: { results: [entry] } } = await site.call("GET", "/management/audit?action=request.try");
  assert.deepEqual(entry?.after, { target: "app", method: "GET", path: "/" });
});

managementTest("a request of the log tells who may read recordings where it was recorded", async (site) => {
  const { id, request } = await setUp(site);
  const { json: tenant } = await site.call("GET", "/management/tenants/acme");
  const { requestId, messages: _messages, ...rest } = request;
  const logged = {
    ...rest,
    id: requestId,
    tenantId: tenant.id,
    tenantName: "acme",
    connectionId: null,
    policyReason: null,
    requestBytes: 5,
    relayedRequestBytes: 5,
    responseBytes: 5,
    relayedResponseBytes: 5,
    waitedMs: null,
    tunnelMs: null,
    targetMs: null,
    deliveries: 0,
  };
  const unrecorded = { ...logged, id: crypto.randomUUID() };
  const foreign = { ...logged, id: crypto.randomUUID(), tenantId: null };
  await site.store.requests.insertMany([logged, unrecorded, foreign]);
  const places = (requestId: string) => `/management/requests/${requestId}/recordings`;
  const found = await site.call("GET", places(requestId), { as: "writer" });
  assert.deepEqual(found.json, { results: [{ recordingId: id, id: request.id }] });
  for (const { id } of [unrecorded, foreign]) {
    assert.deepEqual((await site.call("GET", places(id), { as: "writer" })).json, { results: [] });
  }
  assert.equal((await site.call("GET", places(crypto.randomUUID()))).status, 404);
  assert.equal((await site.call("GET", places(requestId), { as: "reader" })).status, 403);
});
