import assert from "node:assert/strict";
import { within } from "./testkit/deadline.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { startServer } from "./testkit/server.ts";
import { startSite } from "./testkit/site.ts";
import { connectTcp, headerValue, type TcpClient } from "./testkit/tcp.ts";

const TOO_LARGE = { status: 413, code: "body_too_large" };
const MIB = 1 << 20;

/** A target that says how many bytes it got, and keeps count of the bodies that broke off. */
function counting() {
  const seen = { calls: 0, brokenOff: 0 };
  const handler = async (request: Request) => {
    seen.calls++;
    const bytes = await request.bytes().catch(() => {
      seen.brokenOff++;
      return new Uint8Array(0);
    });
    return new Response(String(bytes.length));
  };
  return { seen, handler };
}

/** Sends pieces until the server takes no more; it never takes them all. */
async function flood(client: TcpClient, piece: string, maxBytes: number): Promise<number> {
  for (let sentBytes = 0; sentBytes < maxBytes; sentBytes += piece.length) {
    try {
      await client.send(piece);
    } catch {
      return sentBytes;
    }
  }
  return maxBytes;
}

for (const listener of LISTENERS) {
  Deno.test(`${listener}: a body whose length is above the limit is 413 before it is sent, and reaches no target`, async () => {
    const { seen, handler } = counting();
    await using site = await startSite({ app: handler }, { listener, maxBodySize: "100KiB" });
    const path = `/relay/${site.tenant.name}/app`;
    for (const length of [102_401, 10 * MIB, 999_999_999_999_999]) {
      using client = await connectTcp(site.server.port);
      await client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
      await assertProblem(await client.readResponse(), TOO_LARGE);
    }
    assert.equal(seen.calls, 0);
    await assertAnswer(await site.server.relay(site.tenant, "app", { method: "POST", body: "fine" }), { text: "4" });
  });

  Deno.test(`${listener}: a chunked flood is 413 at the limit, and the rest of it is not read for ever`, async () => {
    const { seen, handler } = counting();
    await using site = await startSite({ app: handler }, { listener, maxBodySize: "1MiB" });
    using client = await connectTcp(site.server.port);
    await client.send(
      `POST /relay/${site.tenant.name}/app HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const answer = client.readResponse();
    answer.catch(() => {});
    const piece = `10000\r\n${"x".repeat(65_536)}\r\n`;
    const flooding = flood(client, piece, 512 * MIB);
    await assertProblem(await answer, TOO_LARGE);
    client.close();
    assert.ok(await flooding < 512 * MIB);
    await testLog.waitFor({ message: /{status}/, properties: { tenant: site.tenant.name, status: 413 } });
    await assertAnswer(await site.server.relay(site.tenant, "app", { method: "POST", body: "fine" }), { text: "4" });
    assert.ok(seen.brokenOff <= 1);
  });

  Deno.test(`${listener}: a body that is no body breaks the target's call off, never completes it`, async () => {
    const { seen, handler } = counting();
    await using site = await startSite({ app: handler }, { listener });
    const bodies = {
      "no size": "zz\r\nhello\r\n0\r\n\r\n",
      "a negative size": "-1\r\nhello\r\n0\r\n\r\n",
      "a size beyond all numbers": "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
      "a chunk longer than its size": "5\r\nhello, world\r\n0\r\n\r\n",
      "a size without an end": "1".repeat(100_000),
      "a control character for a size": "\x00\r\n\r\n",
    };
    for (const [name, body] of Object.entries(bodies)) {
      const completed = seen.calls - seen.brokenOff;
      using client = await connectTcp(site.server.port);
      await client.send(
        `POST /relay/${site.tenant.name}/app HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
      );
      const text = new TextDecoder().decode(await client.readToEnd().catch(() => new Uint8Array(0)));
      assert.doesNotMatch(text, /^HTTP\/1\.1 2/, name);
      assert.equal(seen.calls - seen.brokenOff, completed, name);
    }
    await assertAnswer(await site.server.relay(site.tenant, "app", { method: "POST", body: "fine" }), { text: "4" });
  });

  Deno.test(`${listener}: many clients that stop in the middle of their bodies are 408, and hold up nobody`, async () => {
    const { handler } = counting();
    await using site = await startSite({ app: handler }, { listener, limits: { bodyIdleTimeout: "500ms" } });
    const path = `/relay/${site.tenant.name}/app`;
    const framings = [
      "Content-Length: 100\r\n\r\n",
      "Content-Length: 1000000\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n",
    ];
    const stuck = Array.from({ length: 150 }, async (_, index) => {
      using client = await connectTcp(site.server.port);
      await client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\n${framings[index % 3]}`);
      return (await client.readResponse()).status;
    });
    const statuses = Promise.all(stuck);
    await assertAnswer(await site.server.relay(site.tenant, "app", { method: "POST", body: "fine" }), { text: "4" });
    assert.deepEqual(new Set(await statuses), new Set([408]));
  });

  Deno.test(`${listener}: a body for the server itself that stops coming is 408`, async () => {
    await using server = await startServer({ listener, limits: { bodyIdleTimeout: "100ms" } });
    const form = "Content-Type: application/x-www-form-urlencoded\r\n";
    const json = "Content-Type: application/json\r\nX-Requested-With: fetch\r\n";
    const places = [
      [server.port, `/connect/token HTTP/1.1\r\nHost: localhost\r\n${form}`],
      [server.relayServer.managementAddress.port, `/management/session HTTP/1.1\r\nHost: localhost\r\n${json}`],
    ] as const;
    for (const [port, head] of places) {
      for (const body of ["Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]) {
        using client = await connectTcp(port);
        await client.send(`POST ${head}${body}`);
        const answer = await client.readResponse();
        assert.equal(`${answer.status} ${headerValue(answer, "relayserver-error")}`, "408 request_timeout", head);
      }
    }
  });

  Deno.test(`${listener}: a body that drips, but never stops, is taken`, async () => {
    const { handler } = counting();
    await using site = await startSite({ app: handler }, { listener, limits: { bodyIdleTimeout: "500ms" } });
    using client = await connectTcp(site.server.port);
    await client.send(
      `POST /relay/${site.tenant.name}/app HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let sent = 0; sent < 16; sent++) {
      await client.send("1\r\nx\r\n");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await client.send("0\r\n\r\n");
    assert.equal(new TextDecoder().decode((await client.readResponse()).body), "16");
  });

  Deno.test(`${listener}: connections that say nothing, or half a head, hold up nobody`, async () => {
    await using site = await startSite({ app: () => new Response("fine") }, { listener });
    const path = `/relay/${site.tenant.name}/app`;
    using resources = new DisposableStack();
    for (let index = 0; index < 300; index++) {
      const client = resources.use(await connectTcp(site.server.port));
      await client.send(["", "G", `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Half: `][index % 3]!);
    }
    const startedAtMs = performance.now();
    await assertAnswer(await site.server.relay(site.tenant, "app"), { text: "fine" });
    assert.ok(performance.now() - startedAtMs < 2000);
  });

  // `native` has no limit of its own for a head that never ends; a proxy in front of it has (docs/deployment.md).
  Deno.test(`${listener}: a head that comes slowly is taken as long as it comes`, async () => {
    await using site = await startSite({ app: () => new Response("fine") }, { listener });
    using client = await connectTcp(site.server.port);
    for (const character of `GET /relay/${site.tenant.name}/app HTTP/1.1\r\nHost: x\r\n\r\n`) {
      await client.send(character);
    }
    const response = await within(client.readResponse(), { timeoutMs: 5000, what: "the answer" });
    assert.equal(response.status, 200);
  });
}
