import assert from "node:assert/strict";
import type { SessionHandlers } from "../../shared/protocol/session_options.ts";
import { connect, FakeTime, makeRequest, type Pair, settle, WELCOME } from "../../shared/protocol/testing.ts";
import { ConnectError } from "./connect_error.ts";
import { Link } from "./link.ts";
import type { OpenedSession, ServerAccess } from "./server_access.ts";

/** A server whose refusals the test gives. */
class RefusingServer implements Pick<ServerAccess, "baseUri" | "open"> {
  readonly baseUri = "http://server.example";
  readonly #refusals: ((error: unknown) => void)[] = [];

  get attempts(): number {
    return this.#refusals.length;
  }

  open(): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#refusals.push(reject);
    return promise;
  }

  /** Refuses the last attempt, and lets what follows from it happen. */
  async refuse(): Promise<void> {
    this.#refusals.at(-1)!(new ConnectError("authentication_failed", "the secret is wrong"));
    for (let count = 0; count < 10; count++) await Promise.resolve();
  }
}

Deno.test("Link.retryNow() has no pause follow an attempt under way, nor any later one", async () => {
  using time = new FakeTime();
  const server = new RefusingServer();
  const link = new Link({
    servers: [server as unknown as ServerAccess],
    firstServer: 0,
    handleRequest: () => assert.fail("no request"),
  });
  link.retryNow();
  await server.refuse();
  assert.equal(server.attempts, 2);
  await server.refuse();
  assert.equal(server.attempts, 2);
  assert.equal(time.timers, 1);
  await link[Symbol.asyncDispose]();
});

/** A server that takes one connection. */
class SingleServer implements Pick<ServerAccess, "baseUri" | "open"> {
  readonly baseUri = "http://server.example";
  readonly pair: Promise<Pair>;
  readonly #opened = Promise.withResolvers<Pair>();
  #isTaken = false;

  constructor() {
    this.pair = this.#opened.promise;
  }

  async open(handlers: SessionHandlers, signal: AbortSignal): Promise<OpenedSession> {
    if (this.#isTaken) return await new Promise((_, reject) => signal.addEventListener("abort", reject));
    this.#isTaken = true;
    const pair = await connect(handlers.request!, { connector: handlers });
    this.#opened.resolve(pair);
    return {
      session: pair.connector,
      welcome: { version: 1, ...WELCOME },
      token: { token: "t", expiresAt: Date.now() + 3_600_000 },
      served: { targets: [] },
      basePath: "",
      clockSkew: undefined,
    };
  }
}

/** A link with a request under way that the test answers. */
async function linkWithRequest() {
  const server = new SingleServer();
  const answer = Promise.withResolvers<{ status: number; headers: []; body: null }>();
  const link = new Link({
    servers: [server as unknown as ServerAccess],
    firstServer: 0,
    handleRequest: () => answer.promise,
  });
  const pair = await server.pair;
  const { response } = pair.server.deliver(makeRequest());
  await settle();
  return {
    link,
    server: pair.server,
    answer: () => answer.resolve({ status: 200, headers: [], body: null }),
    response,
  };
}

Deno.test("Link is stopped by a go-away for ever when what ran has been answered", async () => {
  using _time = new FakeTime();
  const { link, server, answer, response } = await linkWithRequest();
  let isStopped = false;
  link.stopped.then(() => isStopped = true);
  server.drain("disconnected", "never");
  await settle();
  assert.deepEqual([isStopped, link.status.inFlight], [false, 1]);
  answer();
  assert.equal((await response).status, 200);
  await link.stopped;
});

Deno.test("Link is not connected any more when its server lets only finish what runs", async () => {
  using _time = new FakeTime();
  const { link, server, answer, response } = await linkWithRequest();
  assert.equal(link.status.state, "connected");
  server.drain("draining", "later");
  await settle();
  assert.deepEqual([link.status.state, link.status.inFlight], ["connecting", 1]);
  answer();
  await response;
  await link[Symbol.asyncDispose]();
});
