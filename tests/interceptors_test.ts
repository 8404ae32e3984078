import assert from "node:assert/strict";
import type { Interceptor, RequestChanges } from "../server/mod.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { onRequest, onResponse, startIntercepted } from "./testkit/interceptors.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { mirrored, startMirror, valuesOf } from "./testkit/mirror.ts";
import { startSite } from "./testkit/site.ts";
import { connectTcp, headerValue } from "./testkit/tcp.ts";

for (const listener of LISTENERS) {
  Deno.test(`${listener}: interceptors see requests in their order and responses in the opposite order`, async () => {
    const seen: string[] = [];
    const named = (name: string): Interceptor => ({
      name,
      interceptRequest({ headers }) {
        seen.push(`request ${name}`);
        return { headers: [...headers, ["X-Order", name]] };
      },
      interceptResponse({ headers }) {
        seen.push(`response ${name}`);
        return Promise.resolve({ headers: [...headers, ["X-Order", name]] });
      },
    });
    await using target = await startMirror();
    await using site = await startIntercepted([named("a"), named("b")], { mirror: target.url }, { listener });
    using client = await connectTcp(site.server.port);
    await client.send(`GET /relay/${site.tenant.name}/mirror HTTP/1.1\r\nHost: x\r\n\r\n`);
    const response = await client.readResponse();
    assert.equal(valuesOf(mirrored(response), "x-order"), "a | b");
    assert.equal(headerValue(response, "x-order"), "b, a");
    assert.deepEqual(seen, ["request a", "request b", "response b", "response a"]);
  });

  Deno.test(`${listener}: a request interceptor changes method, target, path, headers, body and tracing`, async () => {
    await using target = await startMirror();
    const changes: RequestChanges = {
      method: "REPORT",
      target: "mirror",
      path: "/new%2Fpath?q=1",
      headers: [["X-A", "1"], ["X-A", "2"], ["Content-Length", "99"]],
      body: "changed",
      isTraced: true,
    };
    await using site = await startIntercepted([onRequest(() => changes)], { mirror: target.url }, { listener });
    using client = await connectTcp(site.server.port);
    const body = "original";
    await client.send(
      `POST /relay/${site.tenant.name}/app/old HTTP/1.1\r\nHost: x\r\nX-B: 1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const response = await client.readResponse();
    const got = mirrored(response);
    assert.equal(got.requestLine, "REPORT /new%2Fpath?q=1 HTTP/1.1");
    assert.deepEqual(["x-a", "x-b", "content-length"].map((name) => valuesOf(got, name)), ["1 | 2", "", "7"]);
    assert.match(valuesOf(got, "relayserver-requestoriginid"), /^[0-9a-f-]{36}$/);
    assert.ok(headerValue(response, "relayserver-targetduration") !== undefined);
  });

  Deno.test(`${listener}: HEAD stays HEAD for the client, whatever the target was asked`, async () => {
    await using site = await startIntercepted(
      [
        onRequest(({ method }) => ({ method: method === "HEAD" ? "GET" : "HEAD" })),
      ],
      { app: ({ method }) => new Response(method === "GET" ? "body" : null, { headers: { "Content-Length": "4" } }) },
      {
        listener,
      },
    );
    for (const method of ["HEAD", "GET"]) {
      using client = await connectTcp(site.server.port);
      await client.send(`${method} /relay/${site.tenant.name}/app HTTP/1.1\r\nHost: x\r\n\r\n`);
      const { status, body } = await client.readResponse({ method });
      assert.equal(`${status} ${body.length}`, "200 0");
    }
  });
}

Deno.test("a response interceptor changes status, headers and body, and knows the request", async () => {
  await using site = await startIntercepted([
    onRequest(({ headers }) => ({ headers: [...headers, ["X-Mark", "1"]], path: "/new" })),
    onResponse(({ status, header, request }) => ({
      status: 418,
      headers: [["X-Seen", `${status} ${request.method} ${request.path} ${request.header("X-MARK")}`]],
      body: typeof header,
    })),
  ]);
  const { server, tenant } = site;
  const response = await server.relay(tenant, "app/old", { method: "POST", body: "x" });
  assert.equal(response.headers.get("x-seen"), "200 POST /new 1");
  assert.equal(response.headers.get("x-target"), null);
  await assertAnswer(response, { status: 418, text: "function" });
});

Deno.test("interceptors know tenant, request, client and log, and see the forwarding headers", async () => {
  const seen: Record<string, unknown>[] = [];
  await using site = await startIntercepted(
    [
      onRequest((request, { tenant, requestId, clientAddress, hop, logger, signal }) => {
        seen.push({
          tenant,
          requestId,
          clientAddress,
          scheme: hop.scheme,
          for: request.header("x-forwarded-for"),
          signal,
        });
        logger.info("Hello from an interceptor");
      }, "greeter"),
    ],
    {},
    { trustedProxies: ["127.0.0.1"] },
  );
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app", { headers: { "X-Forwarded-For": "192.0.2.7" } }), { text: "" });
  const [{ requestId, signal, ...facts } = {}] = seen;
  assert.ok(signal instanceof AbortSignal);
  assert.deepEqual(facts, {
    tenant: { id: tenant.id, name: tenant.name },
    clientAddress: "192.0.2.7",
    scheme: "http",
    for: "192.0.2.7, 127.0.0.1",
  });
  const properties = { interceptor: "greeter", tenant: tenant.name, requestId };
  await testLog.waitFor({ message: /^Hello from an interceptor/, properties });
});

Deno.test("an access policy judges what the client sent, not what interceptors make of it", async () => {
  await using site = await startSite({ app: ({ url }) => new Response(new URL(url).pathname) }, {}, {
    interceptors: [onRequest(() => ({ path: "/internal" }))],
    tenant: { accessPolicy: { default: "deny", rules: [{ name: "x", effect: "allow", pathPrefixes: ["/public"] }] } },
  });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app/public"), { text: "/internal" });
  await assertProblem(await server.relay(tenant, "app/internal"), { status: 403, code: "access_denied" });
});
