/**
 * Recordings of real traffic through a whole server.
 */

import assert from "node:assert/strict";
import { within } from "./testkit/deadline.ts";
import { ManagementClient } from "./testkit/management.ts";
import { type Site, startSite } from "./testkit/site.ts";
import { Gate } from "./testkit/target.ts";
import type { FetchHandler } from "../connector/targets/fetch_handler.ts";
import type { ServerOverrides } from "./testkit/server.ts";
import type { Interceptor } from "../server/interceptors/mod.ts";

const DAY_MS = 86_400_000;

/** A site, and what its management says. */
class RecordedSite implements AsyncDisposable {
  readonly site: Site;
  readonly api: ManagementClient;

  private constructor(site: Site, api: ManagementClient) {
    this.site = site;
    this.api = api;
  }

  static async start(
    app: FetchHandler,
    { overrides = {}, interceptors = [] }: { overrides?: ServerOverrides; interceptors?: Interceptor[] } = {},
  ): Promise<RecordedSite> {
    const site = await startSite({ app }, overrides, { interceptors });
    return new RecordedSite(site, await ManagementClient.of(site.server, "writer"));
  }

  get path(): string {
    return `/tenants/${this.site.tenant.name}`;
  }

  relay(path: string, init?: RequestInit): Promise<Response> {
    return this.site.server.relay(this.site.tenant, path, init);
  }

  async record(input: Record<string, unknown> = {}): Promise<string> {
    const { status, json } = await this.api.call("POST", `${this.path}/recordings`, { json: input });
    assert.equal(status, 201, JSON.stringify(json));
    return json.id;
  }

  /** Waits until so many requests are in a recording. */
  // deno-lint-ignore no-explicit-any -- What a test looks for may be there or not.
  async requests(id: string, count: number): Promise<any[]> {
    const listed = async () => {
      for (;;) {
        const { json } = await this.api.call("GET", `${this.path}/recordings/${id}/requests?take=100`);
        if (json.totalCount >= count) return json.results;
        await this.site.server.handled();
      }
    };
    const results = await within(listed(), { timeoutMs: 20_000, what: `${count} recorded requests` });
    assert.equal(results.length, count);
    return await Promise.all(
      results.map(async (summary: { id: string }) =>
        (await this.api.call("GET", `${this.path}/recordings/${id}/requests/${summary.id}`)).json
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site[Symbol.asyncDispose]();
  }
}

function valueOf(message: { headers: { name: string; value: string }[] }, name: string): string | undefined {
  return message.headers.find((header) => header.name.toLowerCase() === name)?.value;
}

Deno.test("a recording has what client and target sent each other", async () => {
  await using recorded = await RecordedSite.start(async (request) => {
    const body = await request.text();
    return Response.json({ got: body }, { status: 201, headers: { "X-Answer": "yes" } });
  });
  const id = await recorded.record();
  const answer = await recorded.relay("app/orders?x=%20y", {
    method: "POST",
    body: "hällo",
    headers: { "Content-Type": "text/plain" },
  });
  assert.deepEqual(await answer.json(), { got: "hällo" });
  const [request] = await recorded.requests(id, 1);
  assert.deepEqual([request.method, request.target, request.path, request.status], [
    "POST",
    "app",
    "/orders?x=%20y",
    201,
  ]);
  assert.equal(request.clientRequest.path, `/relay/${recorded.site.tenant.name}/app/orders?x=%20y`);
  assert.deepEqual(request.clientRequest.body, {
    sizeBytes: 6,
    keptBytes: 6,
    isCut: false,
    isComplete: true,
    mediaType: "text/plain",
    encoding: "text",
    content: "hällo",
    decodedFrom: null,
  });
  assert.equal(valueOf(request.clientRequest, "x-forwarded-for"), undefined);
  assert.equal(valueOf(request.targetRequest, "x-forwarded-for"), "127.0.0.1");
  assert.equal(request.targetResponse.body.content, '{"got":"hällo"}');
  assert.equal(valueOf(request.clientResponse, "x-answer"), "yes");
  assert.equal(request.clientResponse.body.content, '{"got":"hällo"}');
});

Deno.test("a recording shows what interceptors have changed", async () => {
  const interceptor: Interceptor = {
    name: "test",
    interceptRequest: () => ({ body: "changed on its way" }),
    interceptResponse: () => ({ body: "changed on its way back" }),
  };
  await using recorded = await RecordedSite.start(async (request) => new Response(`echo ${await request.text()}`), {
    interceptors: [interceptor],
  });
  const id = await recorded.record();
  await (await recorded.relay("app/", { method: "POST", body: "sent" })).text();
  const [request] = await recorded.requests(id, 1);
  const bodies = [request.clientRequest, request.targetRequest, request.targetResponse, request.clientResponse]
    .map(({ body }) => body.content);
  assert.deepEqual(bodies, ["sent", "changed on its way", "echo changed on its way", "changed on its way back"]);
});

Deno.test("credentials, chosen headers and acknowledge URLs are masked in the database", async () => {
  const acknowledge = "https://relay.example.com/acknowledge/0199/0200?token=SECRET-acknowledge";
  await using recorded = await RecordedSite.start(() =>
    new Response(`call ${acknowledge} when done`, {
      headers: {
        "Set-Cookie": "sid=SECRET-set",
        "X-Private": "SECRET-chosen",
        Location: "/?access_token=SECRET-query",
      },
    })
  );
  const id = await recorded.record({ maskHeaders: ["X-PRIVATE"] });
  const answer = await recorded.relay("app/login?password=SECRET-password&user=ada", {
    method: "POST",
    body: JSON.stringify({ url: acknowledge }),
    headers: {
      Authorization: "Bearer SECRET-authorization",
      Cookie: "a=SECRET-cookie",
      "Api-Key": "SECRET-key",
      "RelayServer-Authorization": "Bearer SECRET-relay",
      "RelayServer-AcknowledgeUrl": acknowledge,
      "X-Private": "SECRET-chosen",
      "X-Plain": "plain",
    },
  });
  assert.match(await answer.text(), /SECRET-acknowledge/);
  const [request] = await recorded.requests(id, 1);
  assert.equal(valueOf(request.clientRequest, "authorization"), "[masked]");
  assert.equal(valueOf(request.clientRequest, "x-plain"), "plain");
  assert.match(request.clientRequest.body.content, /token=\*+"/);
  assert.equal(request.clientRequest.body.keptBytes, request.clientRequest.body.sizeBytes);
  assert.match(request.path, /^\/login\?password=\*+&user=ada$/);
  for (const name of ["authorization", "cookie", "set-cookie", "api-key", "x-private"]) {
    assert.ok(request.maskedHeaders.includes(name), name);
  }
  const stored = await recorded.site.server.database.recordedRows();
  assert.equal(stored.length, 1);
  assert.doesNotMatch(stored.join("\n"), /SECRET/);
  const bodies = stored.flatMap((row) => [...row.matchAll(/"base64":"([^"]*)"/g)].map(([, base64]) => atob(base64!)));
  assert.ok(bodies.length >= 3);
  assert.doesNotMatch(bodies.join("\n"), /SECRET/);
});

Deno.test("a recording takes only what was asked for, and ends when it is stopped", async () => {
  await using recorded = await RecordedSite.start((request) =>
    new Response("", { status: new URL(request.url).pathname.endsWith("bad") ? 503 : 200 })
  );
  const id = await recorded.record({ target: "APP", pathPrefix: "/api/", status: "5xx" });
  for (const path of ["app/api/good", "app/other/bad", "app/api/bad", "nothing/api/bad"]) {
    await (await recorded.relay(path)).body?.cancel();
  }
  const [request] = await recorded.requests(id, 1);
  assert.deepEqual([request.path, request.status], ["/api/bad", 503]);
  const stopped = await recorded.api.call("POST", `${recorded.path}/recordings/${id}/stop`);
  assert.deepEqual([stopped.json.state, stopped.json.endReason], ["ended", "stopped"]);
  await (await recorded.relay("app/api/bad")).body?.cancel();
  const next = await recorded.record({ status: "5xx" });
  await (await recorded.relay("app/api/bad?2")).body?.cancel();
  await recorded.requests(next, 1);
  await recorded.requests(id, 1);
});

Deno.test("what the relay itself answers is recorded, too", async () => {
  await using recorded = await RecordedSite.start(() => new Response());
  const id = await recorded.record();
  await (await recorded.relay("nothing/x")).body?.cancel();
  const [request] = await recorded.requests(id, 1);
  assert.deepEqual([request.status, request.errorCode], [404, "target_unknown"]);
  assert.equal(request.targetResponse, null);
  assert.match(request.clientResponse.body.content, /target_unknown/);
});

Deno.test("server-sent events are recorded while they arrive as soon as they were sent", async () => {
  const gate = new Gate();
  await using recorded = await RecordedSite.start(() => {
    const events = async function* () {
      yield "data: first\n\n";
      await gate.pass();
      yield "data: last\n\n";
    };
    const body = ReadableStream.from(events()).pipeThrough(new TextEncoderStream());
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  });
  const id = await recorded.record();
  const answer = await recorded.relay("app/events");
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  const first = await within(reader.read(), { timeoutMs: 10_000, what: "the first event" });
  assert.equal(first.value, "data: first\n\n");
  gate.open();
  assert.equal((await reader.read()).value, "data: last\n\n");
  assert.equal((await reader.read()).done, true);
  const [request] = await recorded.requests(id, 1);
  assert.equal(request.clientResponse.body.content, "data: first\n\ndata: last\n\n");
  assert.equal(request.clientResponse.body.isComplete, true);
});

Deno.test("large bodies pass whole and are recorded in part", async () => {
  const size = 3_000_000;
  await using recorded = await RecordedSite.start(async (request) => {
    const { byteLength } = await request.arrayBuffer();
    return new Response(new Uint8Array(byteLength).fill(0x61));
  });
  const id = await recorded.record();
  const answer = await recorded.relay("app/", { method: "POST", body: new Uint8Array(size) });
  assert.equal((await answer.arrayBuffer()).byteLength, size);
  const [request] = await recorded.requests(id, 1);
  for (const message of [request.clientRequest, request.clientResponse]) {
    assert.deepEqual([message.body.sizeBytes, message.body.keptBytes, message.body.isCut, message.body.isComplete], [
      size,
      256 * 1024,
      true,
      true,
    ]);
  }
});

Deno.test("a recording without bodies has their sizes only", async () => {
  await using recorded = await RecordedSite.start(() => new Response("secret"));
  const id = await recorded.record({ bodies: false });
  await (await recorded.relay("app/", { method: "POST", body: "private" })).text();
  const [request] = await recorded.requests(id, 1);
  assert.deepEqual([request.clientRequest.body.sizeBytes, request.clientRequest.body.content], [7, ""]);
  assert.deepEqual([request.clientResponse.body.sizeBytes, request.clientResponse.body.content], [6, ""]);
});

Deno.test("a recording that is full ends by itself, and a later request costs nothing", async () => {
  await using recorded = await RecordedSite.start(() => new Response("x"), {
    overrides: { recordings: { maxRequests: 2 } },
  });
  const id = await recorded.record();
  for (let count = 0; count < 3; count++) await (await recorded.relay("app/")).text();
  await recorded.requests(id, 2);
  const { json } = await recorded.api.call("GET", `${recorded.path}/recordings/${id}`);
  assert.deepEqual([json.state, json.endReason, json.requests], ["ended", "full", 2]);
});

Deno.test("a recording that another server has begun is found", async () => {
  await using recorded = await RecordedSite.start(() => new Response("x"));
  const { server, tenant } = recorded.site;
  const repository = server.database.recordings;
  const begun = await repository.insert({
    tenantId: tenant.id,
    filter: {
      target: null,
      pathPrefix: null,
      minimumStatus: null,
      maximumStatus: null,
      maskHeaders: [],
      recordsBodies: true,
    },
    startedBy: "somebody elsewhere",
    durationMs: DAY_MS,
    maxRequests: 1,
    maxBytes: 1_000_000,
  });
  const found = async () => {
    while ((await recorded.api.call("GET", `${recorded.path}/recordings/${begun.id}`)).json.requests === 0) {
      await (await recorded.relay("app/")).text();
    }
  };
  await within(found(), { timeoutMs: 20_000, what: "a recorded request" });
});

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
  const [request] = await recorded.requests(id, 1);
  const path = `${recorded.path}/recordings/${id}/requests/${request.id}/replay`;
  const again = await recorded.api.call("POST", path, { json: {} });
  assert.equal(again.status, 200, JSON.stringify(again.json));
  const { answer, comparison } = again.json;
  assert.equal(answer.response.status, 200);
  assert.notEqual(answer.requestId, request.requestId);
  assert.equal(comparison.isSameStatus, true);
  assert.equal(comparison.body.isSame, false);
  assert.deepEqual(comparison.body.lines.filter(({ change }: { change: string }) => change !== "same"), [
    { change: "removed", text: '  "count": 1,\n' },
    { change: "added", text: '  "count": 2,\n' },
  ]);
  const count = comparison.headers.find(({ name }: { name: string }) => name === "x-count");
  assert.deepEqual([count.change, count.recorded, count.replayed], ["changed", ["1"], ["2"]]);
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
  assert.deepEqual([response.status, response.body.content, errorCode], [418, "Basic abc", null]);
  const { waitMs, tunnelMs, targetMs, bodyMs, totalMs } = times;
  for (const time of [waitMs, tunnelMs, targetMs, bodyMs]) {
    assert.ok(time >= 0 && time <= totalMs, JSON.stringify(times));
  }
  assert.ok(connection.machineName !== "");
  const unknown = await recorded.api.call("POST", `${recorded.path}/try`, { json: { target: "nothing" } });
  assert.deepEqual([unknown.json.response.status, unknown.json.errorCode], [404, "target_unknown"]);
});

Deno.test("connectors and targets are pinged", async () => {
  await using recorded = await RecordedSite.start((request) =>
    new Response(null, { status: request.method === "HEAD" ? 204 : 500 })
  );
  const { json } = await recorded.api.call("POST", `${recorded.path}/ping`, { json: { target: "app" } });
  assert.equal(json.connections.length, 1);
  assert.ok(json.connections[0].roundTripMs > 0);
  assert.deepEqual([json.target.status, json.target.errorCode], [204, null]);
});
