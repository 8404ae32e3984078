import assert from "node:assert/strict";
import { EventHub, type ManagementEventType, type Watched, type Watcher } from "./event_hub.ts";
import { finishedRequest } from "./testing.ts";

const ORIGIN = "origin";

/** Publishes an event that can be told by the tenant's name. */
function publish(
  hub: EventHub,
  number: number,
  type: Exclude<ManagementEventType, "originChanged"> = "tenantChanged",
): void {
  const tenantId = `t${number % 2}`;
  hub.publish({ type, tenantId, data: { ...finishedRequest(), tenantId, tenantName: String(number) } });
}

async function take(watcher: Watcher, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  while (taken.length < count) taken.push(told(await watcher.next(1_000)));
  return taken;
}

function told(watched: Watched | undefined): unknown {
  if (watched === undefined) return undefined;
  if ("lost" in watched) return { lost: watched.lost };
  const { data } = watched.event;
  return "tenantName" in data ? Number(data.tenantName) : undefined;
}

Deno.test("EventHub tells everybody what they want to know, in order", async () => {
  using hub = new EventHub({ originId: ORIGIN });
  using all = hub.watch()!;
  using some = hub.watch({ types: ["tenantOnline"] })!;
  using ofTenant = hub.watch({ tenantId: "t1" })!;
  for (const number of [1, 2, 3]) publish(hub, number);
  publish(hub, 4, "tenantOnline");
  assert.deepEqual(await take(all, 4), [1, 2, 3, 4]);
  assert.deepEqual(await take(some, 1), [4]);
  assert.deepEqual(await take(ofTenant, 2), [1, 3]);
});

Deno.test("Watcher.next() waits for an event, or until the time is over", async () => {
  using hub = new EventHub({ originId: ORIGIN });
  using watcher = hub.watch()!;
  assert.equal(await watcher.next(1), undefined);
  const next = watcher.next(10_000);
  publish(hub, 1);
  assert.equal(told(await next), 1);
});

Deno.test("a watcher that is too slow is told how many it lost, and goes on", async () => {
  using hub = new EventHub({ originId: ORIGIN, bufferSize: 3 });
  using slow = hub.watch()!;
  using quick = hub.watch()!;
  for (let number = 1; number <= 7; number++) {
    publish(hub, number);
    assert.deepEqual(await take(quick, 1), [number]);
  }
  assert.deepEqual(await take(slow, 2), [{ lost: 6 }, 7]);
});

Deno.test("a watcher that comes back gets what it missed", async () => {
  using hub = new EventHub({ originId: ORIGIN });
  for (const number of [1, 2, 3]) publish(hub, number);
  using watcher = hub.watch({ afterId: `${ORIGIN}:1` })!;
  publish(hub, 4);
  assert.deepEqual(await take(watcher, 3), [2, 3, 4]);
  using upToDate = hub.watch({ afterId: `${ORIGIN}:4` })!;
  publish(hub, 5);
  assert.deepEqual(await take(upToDate, 1), [5]);
});

Deno.test("a watcher that comes back too late, or from another origin, is told that something is lost", async () => {
  using hub = new EventHub({ originId: ORIGIN, historySize: 2 });
  for (const number of [1, 2, 3, 4]) publish(hub, number);
  for (const afterId of [`${ORIGIN}:1`, "other:3", `${ORIGIN}:99`, `${ORIGIN}:x`, "", `${ORIGIN}:-5`]) {
    using watcher = hub.watch({ afterId })!;
    publish(hub, 5);
    assert.deepEqual(await take(watcher, 2), [{ lost: undefined }, 5], afterId);
  }
  using kept = hub.watch({ afterId: `${ORIGIN}:9` })!;
  assert.deepEqual(await take(kept, 1), [5]);
});

Deno.test("EventHub keeps no requests for those who come back", async () => {
  using hub = new EventHub({ originId: ORIGIN });
  publish(hub, 1);
  publish(hub, 2, "requestFinished");
  publish(hub, 3);
  using watcher = hub.watch({ afterId: `${ORIGIN}:1` })!;
  assert.deepEqual(await take(watcher, 1), [3]);
});

Deno.test("EventHub.isWatched() says whether an event would be heard", () => {
  using hub = new EventHub({ originId: ORIGIN });
  assert.equal(hub.isWatched("requestFinished"), false);
  {
    using _watcher = hub.watch({ types: ["requestFinished"] });
    assert.equal(hub.isWatched("requestFinished"), true);
    assert.equal(hub.isWatched("tenantOnline"), false);
  }
  assert.equal(hub.isWatched("requestFinished"), false);
});

Deno.test("EventHub takes so many watchers and no more, and none when it is closed", async () => {
  const hub = new EventHub({ originId: ORIGIN, maxWatchers: 2 });
  const watchers = [hub.watch()!, hub.watch()!];
  assert.equal(hub.watch(), undefined);
  watchers[0]![Symbol.dispose]();
  using third = hub.watch()!;
  const waiting = third.next(60_000);
  hub[Symbol.dispose]();
  assert.equal(await waiting, undefined);
  assert.deepEqual([third.isEnded, watchers[1]!.isEnded, hub.watch()], [true, true, undefined]);
});
