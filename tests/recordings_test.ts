/**
 * Recordings of real traffic through a whole server.
 */

import assert from "node:assert/strict";
import { within } from "./testkit/deadline.ts";
import { RecordedSite } from "./testkit/recorded_site.ts";
import { Gate } from "./testkit/target.ts";
import type { Interceptor } from "../server/interceptors/mod.ts";
import type { BodyDocument, RecordedRequestDocument } from "../server/management/recordings/recording_document.ts";

const DAY_MS = 86_400_000;

type Message = RecordedRequestDocument["clientRequest" | "clientResponse"];

function valueOf(message: Message, name: string): string | undefined {
  return message?.headers.find((header) => header.name.toLowerCase() === name)?.value;
}

function bodyOf(message: Message): BodyDocument {
  const body = message?.body;
  assert.ok(body, "the message has a body");
  return body;
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
  const request = await recorded.request(id);
  assert.deepEqual([request.method, request.target, request.path, request.status], [
    "POST",
    "app",
    "/orders?x=%20y",
    201,
  ]);
  assert.equal(request.clientRequest.path, `/relay/${recorded.site.tenant.name}/app/orders?x=%20y`);
  assert.deepEqual(bodyOf(request.clientRequest), {
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
  assert.equal(bodyOf(request.targetResponse).content, '{"got":"hällo"}');
  assert.equal(valueOf(request.clientResponse, "x-answer"), "yes");
  assert.equal(bodyOf(request.clientResponse).content, '{"got":"hällo"}');
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
  const request = await recorded.request(id);
  const bodies = [request.clientRequest, request.targetRequest, request.targetResponse, request.clientResponse]
    .map((message) => bodyOf(message).content);
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
  const request = await recorded.request(id);
  assert.equal(valueOf(request.clientRequest, "authorization"), "[masked]");
  assert.equal(valueOf(request.clientRequest, "x-plain"), "plain");
  assert.match(bodyOf(request.clientRequest).content, /token=\*+"/);
  assert.equal(bodyOf(request.clientRequest).keptBytes, bodyOf(request.clientRequest).sizeBytes);
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
  const request = await recorded.request(id);
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
  const request = await recorded.request(id);
  assert.deepEqual([request.status, request.errorCode], [404, "target_unknown"]);
  assert.equal(request.targetResponse, null);
  assert.match(bodyOf(request.clientResponse).content, /target_unknown/);
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
  const request = await recorded.request(id);
  assert.equal(bodyOf(request.clientResponse).content, "data: first\n\ndata: last\n\n");
  assert.equal(bodyOf(request.clientResponse).isComplete, true);
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
  const request = await recorded.request(id);
  for (const message of [request.clientRequest, request.clientResponse]) {
    const { sizeBytes, keptBytes, isCut, isComplete } = bodyOf(message);
    assert.deepEqual([sizeBytes, keptBytes, isCut, isComplete], [size, 256 * 1024, true, true]);
  }
});

Deno.test("a recording without bodies has their sizes only", async () => {
  await using recorded = await RecordedSite.start(() => new Response("secret"));
  const id = await recorded.record({ bodies: false });
  await (await recorded.relay("app/", { method: "POST", body: "private" })).text();
  const request = await recorded.request(id);
  assert.deepEqual([bodyOf(request.clientRequest).sizeBytes, bodyOf(request.clientRequest).content], [7, ""]);
  assert.deepEqual([bodyOf(request.clientResponse).sizeBytes, bodyOf(request.clientResponse).content], [6, ""]);
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
