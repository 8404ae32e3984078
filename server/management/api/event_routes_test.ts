import assert from "node:assert/strict";
import type { TenantEventDocument } from "../event_hub.ts";
import { type CallOptions, finishedRequest, type ManagementSite, managementTest, PASSWORD } from "../testing.ts";

const PATH = "/management/events";

/** Reads server-sent events, one block at a time. */
class EventReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next block that is no sign of life, or undefined at the end. */
  async block(): Promise<string | undefined> {
    for (;;) {
      const block = await this.anyBlock();
      if (!block?.startsWith(":")) return block;
    }
  }

  /** The next block, or undefined at the end. */
  async anyBlock(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end !== -1) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** The next event by its fields. */
  async event(): Promise<Record<string, string>> {
    const block = await this.block();
    return Object.fromEntries((block ?? "").split("\n").map((line) => line.split(/: (.*)/s)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

async function watch(site: ManagementSite, query = "", options: CallOptions = {}): Promise<EventReader> {
  const response = await site.fetch("GET", PATH + query, { as: "reader", ...options });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("Content-Type"), "text/event-stream");
  assert.equal(response.headers.get("Cache-Control"), "no-store");
  const reader = new EventReader(response);
  assert.equal(await reader.block(), "retry: 2000");
  return reader;
}

function tenantNameOf({ data }: Record<string, string>): string {
  const { tenantName }: TenantEventDocument = JSON.parse(data!);
  return tenantName;
}

managementTest("GET events tells of changes as they happen", async (site) => {
  await using reader = await watch(site);
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  await site.call("DELETE", "/management/tenants/acme");
  const [changed, removed] = [await reader.event(), await reader.event()];
  assert.deepEqual([changed.event, removed.event], ["tenantChanged", "tenantRemoved"]);
  assert.equal(tenantNameOf(changed), "acme");
  assert.match(removed.id!, /:2$/);
});

managementTest("GET events tells only of the types and the tenant asked for", async (site) => {
  for (const name of ["acme", "other"]) await site.call("POST", "/management/tenants", { json: { name } });
  await using reader = await watch(site, "?tenant=ACME&types=tenantChanged,tenantOnline");
  await site.call("PUT", "/management/tenants/other", { json: {} });
  site.management.events.publish({ type: "requestFinished", tenantId: undefined, data: finishedRequest() });
  await site.call("PUT", "/management/tenants/acme", { json: {} });
  const told = await reader.event();
  assert.deepEqual([told.event, tenantNameOf(told)], ["tenantChanged", "acme"]);
  assert.equal((await site.call("GET", `${PATH}?tenant=nobody`)).status, 404);
});

managementTest(
  "GET events with Last-Event-ID goes on where the client left off, or says what is lost",
  async (site) => {
    for (const name of ["a", "b", "c"]) await site.call("POST", "/management/tenants", { json: { name } });
    await using first = await watch(site, "", { headers: { "Last-Event-ID": "another:7" } });
    assert.deepEqual(await first.event(), { event: "lost", data: '{"count":null}' });
    await site.call("POST", "/management/tenants", { json: { name: "d" } });
    const { id } = await first.event();
    const before = id!.replace(/\d+$/, "2");
    await using second = await watch(site, "", { headers: { "Last-Event-ID": before } });
    assert.deepEqual([(await second.event()).id, (await second.event()).id], [id!.replace(/\d+$/, "3"), id]);
  },
);

managementTest("no text can break out of an event", async (site) => {
  await using reader = await watch(site);
  const data = { tenantId: "t", tenantName: 'a\n\nevent: fake\ndata: {"x":1}\r\n\u2028' };
  site.management.events.publish({ type: "tenantOnline", tenantId: "t", data });
  assert.deepEqual(JSON.parse((await reader.event()).data!), data);
});

managementTest("a client that does not read is told what it lost", async (site) => {
  await using reader = await watch(site);
  for (let count = 0; count < 2_500; count++) {
    site.management.events.publish({ type: "requestFinished", tenantId: "t", data: finishedRequest() });
  }
  const blocks = [await reader.event(), await reader.event()];
  const lost = blocks.find(({ event }) => event === "lost");
  assert.ok(JSON.parse(lost!.data!).count >= 1_000, JSON.stringify(blocks));
});

managementTest("a client that leaves makes room, and too many are refused", async (site) => {
  const open: Response[] = [];
  for (let count = 0; count < 100; count++) open.push(await site.fetch("GET", PATH));
  const refused = await site.call("GET", PATH);
  assert.deepEqual([refused.status, refused.problem.code], [503, "overloaded"]);
  await open[0]!.body!.cancel();
  await using _reader = await watch(site);
  for (const response of open.slice(1)) await response.body!.cancel();
});

managementTest("event streams end when the server stops", async (site) => {
  await using reader = await watch(site);
  const block = reader.block();
  site.management[Symbol.dispose]();
  assert.equal(await block, undefined);
  assert.equal((await site.call("GET", PATH)).status, 503);
});

managementTest("HEAD of events opens no stream", async (site) => {
  for (let count = 0; count < 150; count++) assert.equal((await site.call("HEAD", PATH)).status, 200);
  await using _reader = await watch(site);
});

managementTest("event streams show signs of life, and end when the key is removed", async (site) => {
  const { json: key } = await site.call("POST", "/management/api-keys", { json: { name: "watcher", role: "reader" } });
  await using reader = await watch(site, "?types=originChanged", { as: null, headers: { "Api-Key": key.value } });
  assert.equal(await reader.anyBlock(), ": still here");
  await site.call("DELETE", `/management/api-keys/${key.id}`);
  assert.equal(await reader.block(), undefined);
});

managementTest("event streams end when the role becomes another", async (site) => {
  const { json: user } = await site.call("POST", "/management/users", {
    json: { name: "Ada", role: "writer", password: PASSWORD },
  });
  const login = await site.call("POST", "/management/session", { as: null, json: { name: "Ada", password: PASSWORD } });
  const Cookie = login.headers.get("Set-Cookie")!.split(";")[0]!;
  await using reader = await watch(site, "", { as: null, headers: { Cookie } });
  await site.call("PUT", `/management/users/${user.id}`, { json: { role: "reader" } });
  assert.equal(await reader.block(), undefined);
});
