/**
 * Whatever a server sends, a connector calls its configured targets and nothing else.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { RelayRequest } from "../../shared/http/message.ts";
import { TargetRegistry } from "./registry.ts";
import { answering, type RawServer, relayRequest, targetContext } from "./testkit.ts";

/** A connector's targets: one application, and one that must never be called. */
async function withSite(
  run: (site: { registry: TargetRegistry; application: RawServer; forbidden: RawServer }) => Promise<void>,
): Promise<void> {
  await using application = await answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await using forbidden = await answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await using registry = await TargetRegistry.create({ erp: { type: "web", url: `${application.url}/base/` } });
  await run({ registry, application, forbidden });
  assert.equal(forbidden.connections.length, 0, "another application was called");
}

/** `refused CODE`, or the status. */
async function ask(registry: TargetRegistry, request: Partial<RelayRequest>): Promise<string> {
  const target = registry.find(request.target ?? "erp");
  if (target === undefined) return "no such target";
  try {
    return String((await target.handle(relayRequest({ target: "erp", ...request }), targetContext())).status);
  } catch (error) {
    return `refused ${(error as { code?: string }).code}`;
  }
}

Deno.test("names that are no target's find none", async () => {
  await withSite(async ({ registry, forbidden }) => {
    const names = [
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "",
      "*",
      ".",
      "..",
      "erp/",
      "erp\0",
      " erp",
    ];
    for (const target of [...names, forbidden.url, `//127.0.0.1:${forbidden.port}`, "erp@127.0.0.1"]) {
      assert.equal(await ask(registry, { target }), "no such target", target);
    }
    assert.equal(await ask(registry, { target: "ERP" }), "200");
  });
});

Deno.test("paths stay below the target's base URL, as they are, or are refused", async () => {
  await withSite(async ({ registry, application, forbidden }) => {
    const host = `127.0.0.1:${forbidden.port}`;
    const paths: Readonly<Record<string, string>> = {
      [`http://${host}/x`]: `/base/http://${host}/x`,
      [`//${host}/x`]: `/base//${host}/x`,
      [`@${host}/x`]: `/base/@${host}/x`,
      [`/\\${host}/x`]: `/base/\\${host}/x`,
      [`:${forbidden.port}/x`]: `/base/:${forbidden.port}/x`,
      [`?url=http://${host}`]: `/base/?url=http://${host}`,
      "": "/base/",
      "/..a/%2E.b": "/base/..a/%2E.b",
    };
    for (const [path, expected] of Object.entries(paths)) {
      assert.equal(await ask(registry, { path }), "200", path);
      // Keep-alive: all of it comes over one connection.
      const line = application.connections[0]!.lastHead.split("\r\n")[0];
      assert.equal(line, `GET ${expected} HTTP/1.1`);
      assert.match(
        application.connections[0]!.lastHead,
        new RegExp(`\r\nHost: 127.0.0.1:${application.port}\r\n`, "i"),
      );
    }
    const refused = ["/..", "/../x", "/./x", "/%2e%2e/x", "/a/..%2fx", "/..\\x", "/%2E%2E%5cx", "/..;/x", "..", "../x"];
    for (const path of [...refused, "/x HTTP/1.1\r\nHost: evil\r\n\r\n", "/x\r\n", "/x\0", "/x y", "/\u0100"]) {
      assert.equal(await ask(registry, { path }), "refused invalid_request", JSON.stringify(path));
    }
  });
});

Deno.test("methods and headers cannot begin another request, nor name another host", async () => {
  await withSite(async ({ registry, application, forbidden }) => {
    const host = `127.0.0.1:${forbidden.port}`;
    for (const method of ["CONNECT", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "get", "", "A B"]) {
      assert.equal(await ask(registry, { method }), "refused invalid_request", JSON.stringify(method));
    }
    for (const line of [["X\r\nY", "1"], ["X", "1\r\nHost: evil"], ["X Y", "1"], ["", "1"], ["X", "1\0"]] as const) {
      assert.equal(await ask(registry, { headers: [line] }), "refused invalid_request", JSON.stringify(line));
    }
    const lines: RelayRequest["headers"] = [["Host", host], ["X-Forwarded-Host", host], ["Content-Length", "5"]];
    assert.equal(await ask(registry, { headers: [...lines, ["Transfer-Encoding", "chunked"]] }), "200");
    const head = application.connections.at(-1)!.lastHead;
    assert.match(head, new RegExp(`^GET /base/ HTTP/1.1\r\nHost: 127.0.0.1:${application.port}\r\n`));
    assert.doesNotMatch(head, /transfer-encoding/i);
  });
});

Deno.test("no path makes a request line of anything else", async () => {
  await withSite(async ({ registry, application }) => {
    const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
    const special = fc.constantFrom(
      "/",
      "\\",
      ".",
      "..",
      "%2e",
      "%2f",
      "@",
      ":",
      "//",
      "?",
      "#",
      "\r\n",
      " ",
      "http://",
    );
    const anyPath = fc.array(fc.oneof(byte, special), { maxLength: 30 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(anyPath, async (path) => {
        const outcome = await ask(registry, { path });
        if (outcome === "refused invalid_request") return;
        assert.equal(outcome, "200");
        const [line = ""] = application.connections.at(-1)!.lastHead.split("\r\n");
        const sent = path.startsWith("/") ? `/base${path}` : `/base/${path}`;
        assert.equal(line, `GET ${sent} HTTP/1.1`);
      }),
      { numRuns: 300 },
    );
  });
});
