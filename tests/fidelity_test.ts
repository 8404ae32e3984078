import assert from "node:assert/strict";
import {
  ANSWERS,
  byteString,
  type FidelityRow,
  PATHS,
  REQUESTS,
  type SentRequest,
  UTF8_PATHS,
} from "./fidelity_rows.ts";
import type { ListenerName } from "./testkit/listeners.ts";
import { type ReceivedRequest, ScriptedTarget } from "./testkit/scripted_target.ts";
import { type Site, startSite } from "./testkit/site.ts";
import { connectTcp, headerValue, type RawResponse, type TcpClient } from "./testkit/tcp.ts";

type Lines = readonly (readonly [name: string, value: string])[];

/** What concerns one connection, and so is each hop's own. */
const OF_THE_CONNECTION = ["connection", "keep-alive", "transfer-encoding", "trailer"];
/** What the relay writes into a request, and framing, which it may change. */
const OF_THE_RELAY = [
  ...OF_THE_CONNECTION,
  "host",
  "content-length",
  "via",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "relayserver-requestid",
];

/** A site whose only target says what the test wants. */
interface FidelitySite extends AsyncDisposable {
  readonly site: Site;
  readonly target: ScriptedTarget;
}

async function startFidelitySite(listener: ListenerName): Promise<FidelitySite> {
  await using resources = new AsyncDisposableStack();
  const target = resources.use(new ScriptedTarget());
  const site = resources.use(await startSite({ app: target.url }, { listener }));
  const kept = resources.move();
  return { site, target, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function head({ method = "GET", lines = [], version = "1.1" }: SentRequest, target: string, port: number): string {
  return [`${method} ${target} HTTP/${version}`, `Host: 127.0.0.1:${port}`, ...lines, "", ""].join("\r\n");
}

async function ask(
  client: TcpClient,
  request: SentRequest,
  to: { target: string; port: number },
): Promise<RawResponse> {
  await client.send(head(request, to.target, to.port) + (request.body ?? ""));
  let response = await client.readResponse({ method: request.method ?? "GET" });
  // What only announces an answer is not passed on.
  while (response.status < 200) response = await client.readResponse({ method: request.method ?? "GET" });
  return response;
}

/** Sends a request straight to the target. */
async function askDirectly({ target }: FidelitySite, request: SentRequest): Promise<RawResponse> {
  const { path = "/" } = request;
  using client = await connectTcp(target.port);
  return await ask(client, request, { target: path.startsWith("/") ? path : `/${path}`, port: target.port });
}

/** Sends a request through the relay. */
async function askRelay({ site }: FidelitySite, request: SentRequest): Promise<RawResponse> {
  using client = await connectTcp(site.server.port);
  return await ask(client, request, relayed(site, request));
}

function relayed({ server, tenant }: Site, { path = "/" }: SentRequest): { target: string; port: number } {
  return { target: `/relay/${tenant.name}/app${path}`, port: server.port };
}

/** Lines in one order, names in lower case; those of one name keep theirs. */
function sorted(lines: Lines, without: readonly string[]): [string, string][] {
  const kept = lines.map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  return kept.filter(([name]) => !without.includes(name)).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}

/** As `Deno.serve` combines the lines of one name in requests. */
function combined(lines: [string, string][]): [string, string][] {
  const values = new Map<string, string>();
  for (const [name, value] of lines) {
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`);
  }
  return [...values];
}

function assertSameRequest(through: ReceivedRequest, direct: ReceivedRequest, listener: ListenerName): void {
  const version = / HTTP\/1\.[01]$/;
  assert.equal(through.requestLine.replace(version, ""), direct.requestLine.replace(version, ""));
  assert.equal(through.body, direct.body);
  const lines = sorted(direct.lines, OF_THE_RELAY);
  assert.deepEqual(sorted(through.lines, OF_THE_RELAY), listener === "native" ? combined(lines) : lines);
}

function assertSameAnswer(through: RawResponse, direct: RawResponse, lost: readonly string[]): void {
  // Whoever has no Date gets one; a length that was not announced is the relay's own.
  const own = ["date", "content-length"].filter((name) => headerValue(direct, name) === undefined);
  const without = [...OF_THE_CONNECTION, ...own, ...lost];
  assert.equal(through.status, direct.status);
  assert.deepEqual(sorted(through.headers, without), sorted(direct.headers, without));
  assert.equal(byteString(through.body), byteString(direct.body));
}

async function compare(fidelitySite: FidelitySite, row: FidelityRow, listener: ListenerName): Promise<void> {
  const { request = {}, answer, closes = false, instead, loses } = row;
  const { target } = fidelitySite;
  target.script = { answer, closes };
  const direct = await askDirectly(fidelitySite, request);
  const through = await askRelay(fidelitySite, request);
  const [directRequest, relayedRequest] = target.received.splice(0);
  const status = instead?.[listener];
  if (status === 400) {
    assert.deepEqual([through.status, relayedRequest], [400, undefined]);
    return;
  }
  assertSameRequest(relayedRequest!, directRequest!, listener);
  const lost = loses?.[listener];
  assertSameAnswer(through, { ...direct, status: status ?? direct.status }, lost === undefined ? [] : [lost]);
}

async function compareAll(rows: Readonly<Record<string, FidelityRow>>, listener: ListenerName): Promise<void> {
  await using fidelitySite = await startFidelitySite(listener);
  for (const [name, row] of Object.entries(rows)) {
    try {
      await compare(fidelitySite, row, listener);
    } catch (cause) {
      throw new Error(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}

function rowsOf(paths: readonly string[]): Record<string, FidelityRow> {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  return Object.fromEntries(paths.map((path) => [path, { request: { path }, answer }]));
}

for (const listener of ["native", "node"] as const) {
  Deno.test(`${listener}: answers come out as the target sent them`, () => compareAll(ANSWERS, listener));

  Deno.test(`${listener}: requests reach the target as the client sent them`, () => compareAll(REQUESTS, listener));

  Deno.test(`${listener}: every byte of path and query reaches the target`, () => compareAll(rowsOf(PATHS), listener));

  Deno.test({
    name: `${listener}: UTF-8 in path and query reaches the target`,
    ignore: listener === "node",
    fn: () => compareAll(rowsOf(UTF8_PATHS), listener),
  });

  Deno.test(`${listener}: one connection serves one request after the other, whatever their shapes`, async () => {
    await using fidelitySite = await startFidelitySite(listener);
    const { site, target } = fidelitySite;
    using client = await connectTcp(site.server.port);
    const names = [
      "every byte in a body",
      "chunks",
      "HEAD with a length",
      "204",
      "304",
      "gzip in chunks",
      "an empty body",
    ];
    for (const name of [...names, ...names]) {
      const { request = {}, answer } = ANSWERS[name]!;
      target.script = { answer };
      const direct = await askDirectly(fidelitySite, request);
      const through = await ask(client, request, relayed(site, request));
      assert.equal(`${name} ${through.status}`, `${name} ${direct.status}`);
      assert.deepEqual(through.body, direct.body);
    }
    const body = { method: "POST", lines: ["Transfer-Encoding: chunked"], body: "3\r\nabc\r\n0\r\n\r\n" };
    target.received.splice(0);
    for (const request of [body, { method: "PUT", lines: ["Content-Length: 3"], body: "abc" }, body]) {
      await ask(client, request, relayed(site, request));
    }
    assert.deepEqual(target.received.map(({ body }) => body), ["abc", "abc", "abc"]);
  });

  Deno.test(`${listener}: requests that are sent at once reach the target in their order, and so do the answers`, async () => {
    await using fidelitySite = await startFidelitySite(listener);
    const { site, target } = fidelitySite;
    using client = await connectTcp(site.server.port);
    const paths = Array.from({ length: 20 }, (_, index) => `/${index}`);
    const requests = paths.map((path) => head({}, relayed(site, { path }).target, site.server.port));
    target.script = { answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" };
    await client.send(requests.join(""));
    for (const path of paths) assert.equal(`${path} ${(await client.readResponse()).status}`, `${path} 200`);
    assert.deepEqual(target.received.map(({ requestLine }) => requestLine.split(" ")[1]), paths);
  });

  Deno.test(`${listener}: a client of HTTP/1.0 gets whole bodies without chunks, and the end of its connection`, async () => {
    await using fidelitySite = await startFidelitySite(listener);
    for (const name of ["every byte in a body", "chunks", "a body that ends with the connection", "gzip"]) {
      const { answer, closes = false } = ANSWERS[name]!;
      fidelitySite.target.script = { answer, closes };
      const direct = await askDirectly(fidelitySite, {});
      using client = await connectTcp(fidelitySite.site.server.port);
      const through = await ask(client, { version: "1.0" }, relayed(fidelitySite.site, {}));
      assert.equal(headerValue(through, "transfer-encoding"), undefined);
      assert.deepEqual(through.body, direct.body);
      assert.equal((await client.readToEnd()).length, 0);
    }
  });

  Deno.test(`${listener}: a client that expects 100 Continue gets it, and the target gets the body and no Expect`, async () => {
    await using fidelitySite = await startFidelitySite(listener);
    const { site, target } = fidelitySite;
    for (const framing of ["Content-Length: 3", "Transfer-Encoding: chunked"]) {
      using client = await connectTcp(site.server.port);
      const request = { method: "POST", lines: [framing, "Expect: 100-continue"] };
      await client.send(head(request, relayed(site, {}).target, site.server.port));
      assert.equal((await client.readHead()).status, 100);
      await client.send(framing.startsWith("C") ? "abc" : "3\r\nabc\r\n0\r\n\r\n");
      assert.equal((await client.readResponse()).status, 200);
    }
    for (const { lines, body } of target.received) {
      assert.equal(body, "abc");
      assert.ok(!lines.some(([name]) => name.toLowerCase() === "expect"));
    }
    assert.equal(target.received.length, 2);
  });
}

Deno.test("node: a client that expects 100 Continue does not get it where its body is not wanted", async () => {
  await using fidelitySite = await startFidelitySite("node");
  const { server } = fidelitySite.site;
  using client = await connectTcp(server.port);
  const request = { method: "POST", lines: ["Content-Length: 3", "Expect: 100-continue"] };
  await client.send(head(request, "/relay/nobody/app", server.port));
  assert.equal((await client.readResponse()).status, 404);
  assert.equal((await client.readToEnd()).length, 0);
});
