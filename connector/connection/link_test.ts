import assert from "node:assert/strict";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { ConnectError } from "./connect_error.ts";
import { Link } from "./link.ts";
import type { ServerAccess } from "./server_access.ts";

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
