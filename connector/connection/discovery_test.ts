import assert from "node:assert/strict";
import { ConnectError, type ConnectErrorCode } from "./connect_error.ts";
import { discover, type HttpOptions, reasonOf } from "./discovery.ts";

const DOCUMENT = {
  serverVersion: "1",
  authorizationServer: "https://auth.example/",
  connectorEndpoint: "https://relay.example/connector",
};

/** A `fetch` that never goes out; it answers like a server would. */
function answering(answer: (request: Request) => Response | Promise<Response>): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    request.signal.addEventListener("abort", () => aborted.reject(request.signal.reason));
    return await Promise.race([answer(request), aborted.promise]);
  };
}

function ask(
  answer: (request: Request) => Response | Promise<Response>,
  { baseUri = "https://relay.example", ...http }: Partial<HttpOptions> & { baseUri?: string } = {},
) {
  const signal = new AbortController().signal;
  return discover(baseUri, { fetch: answering(answer), timeoutMs: 10_000, signal, ...http });
}

/** Something that says it is a discovery document, with some members replaced. */
function documentWith(members: Record<string, unknown>, status = 200): () => Response {
  return () => Response.json({ ...DOCUMENT, ...members }, { status });
}

async function assertRefused(asked: Promise<unknown>, code: ConnectErrorCode, message?: RegExp): Promise<void> {
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, code);
    assert.match(error.message, /relay\.example/);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

Deno.test("discover() takes from the document what a connector needs", async () => {
  assert.deepEqual(await ask(documentWith({ keepAliveInterval: "00:00:15", another: 1 })), DOCUMENT);
});

Deno.test("discover() asks below the server's address, with or without a slash at its end", async () => {
  for (const baseUri of ["https://relay.example/base", "https://relay.example/base//"]) {
    let asked = "";
    await ask(({ url }) => {
      asked = url;
      return documentWith({})();
    }, { baseUri });
    assert.equal(asked, "https://relay.example/base/.well-known/relayserver-configuration");
  }
});

const NOT_A_RELAYSERVER: Readonly<Record<string, () => Response>> = {
  "something that is not JSON": () => new Response("{"),
  "a web page with 200": () =>
    new Response("<!doctype html><title>Welcome</title>", { headers: { "content-type": "text/html" } }),
  "no body": () => new Response(null, { status: 204 }),
  "404": () => new Response("Not found", { status: 404 }),
  "a document with 401": documentWith({}, 401),
  "a document without an endpoint": documentWith({ connectorEndpoint: undefined }),
  "a document with an endpoint that is no URL": documentWith({ connectorEndpoint: "/connector" }),
  "a document with an endpoint of another scheme": documentWith({ authorizationServer: "file:///etc/passwd" }),
  "too much": () => new Response(" ".repeat(64 * 1024) + JSON.stringify(DOCUMENT)),
};
for (const [what, answer] of Object.entries(NOT_A_RELAYSERVER)) {
  Deno.test(`discover() fails with not_a_relayserver when the answer is ${what}`, async () => {
    await assert.rejects(ask(answer), { code: "not_a_relayserver" });
  });
}

Deno.test("discover() stops reading an answer without end", async () => {
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000).fill(32)),
    cancel: () => void (isCancelled = true),
  });
  await assert.rejects(ask(() => new Response(endless)), { code: "not_a_relayserver" });
  assert.equal(isCancelled, true);
});

Deno.test("discover() fails with server_unavailable when the server has an error, whatever it says", async () => {
  for (const status of [500, 502, 503]) {
    await assertRefused(ask(documentWith({}, status)), "server_unavailable", /50\d/);
  }
});

Deno.test("discover() refuses an address without TLS from a server that was asked over https", async () => {
  for (const member of ["authorizationServer", "connectorEndpoint"]) {
    const answer = documentWith({ [member]: "http://relay.example/x" });
    await assertRefused(ask(answer), "insecure_address", /http:\/\/relay\.example\/x.*publicUrl/);
    const { connectorEndpoint } = await ask(answer, { baseUri: "http://localhost:1" });
    assert.match(connectorEndpoint, /^https?:/);
  }
});

Deno.test("discover() fails with server_unreachable when there is no answer, and names the reason", async () => {
  const refused = new TypeError("error sending request", { cause: new Error("connection refused") });
  await assertRefused(ask(() => Promise.reject(refused)), "server_unreachable", /\(connection refused\)/);
  const silent = () => new Promise<Response>(() => {});
  await assertRefused(ask(silent, { timeoutMs: 1 }), "server_unreachable", /timeout/);
  const signal = AbortSignal.abort(new Error("The connector stops"));
  await assertRefused(ask(silent, { signal }), "server_unreachable", /The connector stops/);
});

Deno.test("reasonOf() has the words of an error and of its cause", () => {
  assert.equal(reasonOf(new Error("a", { cause: new Error("b") })), "a (b)");
  assert.equal(reasonOf(new Error("a", { cause: "b" })), "a");
  assert.equal(reasonOf("text"), "text");
});
