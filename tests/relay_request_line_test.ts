/**
 * Where a request line leads, and which one the target gets.
 *
 * @module
 */

import assert from "node:assert/strict";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { mirrored, startMirror } from "./testkit/mirror.ts";
import { startSite } from "./testkit/site.ts";
import { connectTcp, exchange } from "./testkit/tcp.ts";

Deno.test("an unknown tenant, target and route are 404, each with its own code", async () => {
  await using site = await startSite({ app: () => new Response("app") });
  const { server, tenant } = site;
  const cases = [
    [`/relay/no-such-tenant/app`, "tenant_unknown", "no-such-tenant"],
    [`/relay/${tenant.name}/no-such-target/x`, "target_unknown", "no-such-target"],
    [`/trace/${tenant.name}/no-such-target`, "target_unknown", "no-such-target"],
    [`/relay/${tenant.name}`, "not_found", tenant.name],
    [`/relay/${tenant.name}/`, "not_found", tenant.name],
    [`/relay`, "not_found", "relay"],
    [`/relayed/${tenant.name}/app`, "not_found", tenant.name],
    [`/<script>alert(1)</script>`, "not_found", "script"],
    [`/relay/<script>/app`, "tenant_unknown", "script"],
  ] as const;
  for (const [path, code, notEchoed] of cases) {
    await assertProblem(await exchange(server, `GET ${path}`), { status: 404, code, notEchoed: [notEchoed] });
  }
  await assertProblem(await exchange(server, `GET /relay/%zz/app`), { status: 400, code: "invalid_request" });
});

Deno.test("names are matched without regard to case, and the catch-all takes what no other target takes", async () => {
  const say = (text: string) => () => new Response(text);
  await using site = await startSite({ "App": say("app"), "*": say("any") });
  const { server, tenant } = site;
  for (const name of ["app", "App", "APP", "%41pp"]) {
    await assertAnswer(await server.relay(tenant, name), { text: "app" });
    await assertAnswer(await server.relay({ ...tenant, name: tenant.name.toUpperCase() }, name), { text: "app" });
  }
  await assertAnswer(await server.relay(tenant, "something/else"), { text: "any" });
});

Deno.test("path and query reach the target byte for byte", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: target.url, based: `${target.url}/base/` });
  const { server, tenant } = site;
  const paths = [
    ["", "/"],
    ["/", "/"],
    ["?", "/?"],
    ["?q=1", "/?q=1"],
    ["//a///b//", "//a///b//"],
    ["/%2F%2f/%41%e4%00", "/%2F%2f/%41%e4%00"],
    ["/a+b%20c?d+e%2B=%26", "/a+b%20c?d+e%2B=%26"],
    ["/x?a=/../b&c=?&d=%&e=[]{}|^`\"'<>&&==", "/x?a=/../b&c=?&d=%&e=[]{}|^`\"'<>&&=="],
    ["/a..b/...;x=1/.hidden", "/a..b/...;x=1/.hidden"],
    ["/http://elsewhere.example/", "/http://elsewhere.example/"],
  ] as const;
  for (const [sent, expected] of paths) {
    const direct = await exchange(server, `GET /relay/${tenant.name}/app${sent}`);
    assert.equal(mirrored(direct).requestLine, `GET ${expected} HTTP/1.1`);
    const based = await exchange(server, `GET /relay/${tenant.name}/based${sent}`);
    const below = sent.startsWith("/") ? sent : `/${sent}`;
    assert.equal(mirrored(based).requestLine, `GET /base${below} HTTP/1.1`);
  }
});

Deno.test("a path with a dot segment is refused, whatever its spelling, and never reaches the target", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: `${target.url}/base` });
  const { server, tenant } = site;
  const paths = ["/..", "/../admin", "/a/./b", "/%2e%2E/admin", "/.%2e", "/a\\..\\b", "/a%5c..%5Cb", "/a%2f..%2fb"];
  for (const path of [...paths, "/..;/admin", "/..?q"]) {
    const response = await exchange(server, `GET /relay/${tenant.name}/app${path}`);
    await assertProblem(response, { status: 400, code: "invalid_request", notEchoed: [path, "admin"] });
  }
  assert.equal(target.connections.length, 0);
});

Deno.test("a Host that is none, or another one than the target's, cannot move the path", async () => {
  await using site = await startSite({ app: () => new Response("app") });
  const { server, tenant } = site;
  using client = await connectTcp(server.port);
  await client.send(`GET /relay/${tenant.name}/app HTTP/1.1\r\nHost: h/relay/other/t?\r\n\r\n`);
  await assertProblem(await client.readResponse(), { status: 400, code: "invalid_request", notEchoed: ["other"] });
  const absolute = await exchange(server, `GET http://elsewhere.example/relay/${tenant.name}/app`);
  await assertProblem(absolute, { status: 400, code: "invalid_request", notEchoed: ["elsewhere"] });
});

Deno.test("every method reaches the target as it was written, but a known one in lower case", async () => {
  await using target = await startMirror();
  await using site = await startSite({ app: target.url });
  const { server, tenant } = site;
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "PURGE"]) {
    const response = await exchange(server, `${method} /relay/${tenant.name}/app`, { lines: ["Content-Length: 0"] });
    assert.equal(mirrored(response).requestLine, `${method} / HTTP/1.1`);
  }
  const lower = await exchange(server, `get /relay/${tenant.name}/app`);
  await assertProblem(lower, { status: 400, code: "invalid_request" });
});
