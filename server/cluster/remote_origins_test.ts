import assert from "node:assert/strict";
import { FakeTime, makeRequest, settle } from "../../shared/protocol/testing.ts";
import type { PullResult } from "../dispatch/remote_connections.ts";
import { Links } from "./links.ts";
import type { PresenceLetter } from "./mail.ts";
import { Presence } from "./presence.ts";
import { Reachability } from "./reachability.ts";
import { RemoteOrigins } from "./remote_origins.ts";

const ANNOUNCEMENT: Omit<PresenceLetter, "originId" | "connections"> = {
  type: "presence",
  databaseId: "d",
  machineName: "cloud",
  version: "1",
  state: "ready",
  sequence: 1,
  isComplete: true,
};

/** The origins `a` and `b` as seen from `here`, whose mail leads nowhere; over a clock that the test moves. */
function setUp({ includesItself = false } = {}) {
  const time = new FakeTime();
  const mail = { bufferedAmount: 0, maxMessageBytes: Infinity, open() {}, send() {}, broadcast() {} };
  const presence = new Presence({ timeoutMs: 1000, now: () => performance.now(), changed: () => {} });
  const links = new Links(mail, { originId: "here", keepAliveIntervalMs: 60_000, serve: () => Promise.reject() });
  const reachability = new Reachability(() => {});
  const connections = { count: () => 4, tenantIds: () => [], onChange: () => ({ [Symbol.dispose]() {} }) };
  const asked: string[] = [];
  const origins = new RemoteOrigins({ connections, presence, links, reachability }, {
    originId: "here",
    includesItself,
    send: (originId, { requestId }) => asked.push(`${originId} ${requestId}`),
  });
  presence.heard({ ...ANNOUNCEMENT, originId: "a", connections: { t: 1 } });
  presence.heard({ ...ANNOUNCEMENT, originId: "b", connections: { t: 3, other: 1 } });
  reachability.ready();
  return {
    time,
    presence,
    reachability,
    asked,
    origins,
    /** Sends so many requests of the tenant `t` on their way; returns how many went to each origin. */
    deliver(count: number): Record<string, number> {
      const counts: Record<string, number> = {};
      for (let index = 0; index < count; index++) {
        const connection = origins.pick("t")!;
        connection.deliver(makeRequest(), {}).response.catch(() => {});
        counts[connection.originId] = (counts[connection.originId] ?? 0) + 1;
      }
      return counts;
    },
    async [Symbol.asyncDispose]() {
      links.close();
      reachability[Symbol.dispose]();
      await settle();
      time[Symbol.dispose]();
    },
  };
}

Deno.test("pick() takes the origin with the fewest requests for each connection", async () => {
  await using test = setUp();
  assert.deepEqual(test.deliver(40), { a: 10, b: 30 });
});

Deno.test("pick() counts this origin in where requests for its own connections go by the server transport", async () => {
  await using test = setUp({ includesItself: true });
  assert.deepEqual(test.deliver(80), { a: 10, b: 30, here: 40 });
});

Deno.test("pick() takes none when none is connected, drains, or can be reached", async () => {
  await using test = setUp();
  assert.equal(test.origins.pick("other")?.originId, "b");
  assert.equal(test.origins.pick("unknown"), undefined);
  test.presence.heard({ ...ANNOUNCEMENT, originId: "b", sequence: 2, state: "draining", connections: { other: 1 } });
  assert.equal(test.origins.pick("other"), undefined);
  test.reachability.held();
  assert.equal(test.origins.pick("t"), undefined);
});

Deno.test("pull() gives what the origin says, and is answered for it when it is gone", async () => {
  await using test = setUp();
  const pulls: Promise<PullResult>[] = ["1", "2"].map((requestId) => test.origins.pull("a", "t", requestId));
  assert.deepEqual(test.asked, ["a 1", "a 2"]);
  test.origins.pulled({ type: "pulled", requestId: "1", result: "sent" });
  test.origins.gone("a");
  assert.deepEqual([await Promise.all(pulls), test.origins.pulling], [["sent", "gone"], 0]);
});

Deno.test("pull() waits 5 s for an origin: one that is here may answer somebody else, of another nothing is expected", async () => {
  await using test = setUp();
  const [known, unknown] = [test.origins.pull("a", "t", "1"), test.origins.pull("c", "t", "2")];
  test.time.pass(4999);
  assert.equal(test.origins.pulling, 2);
  test.time.pass(1);
  await assert.rejects(known, /does not answer/);
  assert.equal(await unknown, "gone");
});

Deno.test("pull() rejects when mail was lost", async () => {
  await using test = setUp();
  const pull = test.origins.pull("a", "t", "1");
  test.origins.lost();
  await assert.rejects(pull, /was lost/);
});
