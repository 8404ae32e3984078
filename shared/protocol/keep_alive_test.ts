import assert from "node:assert/strict";
import { KeepAlive } from "./keep_alive.ts";
import { FakeTime } from "./testing.ts";

const INTERVAL_MS = 1000;

/** A keep-alive whose peer answers pings after `roundTripMs`, or never. */
function watch(options: { roundTripMs?: number } = {}) {
  const time = new FakeTime();
  const startedAtMs = performance.now();
  const pings: number[] = [];
  const deaths: number[] = [];
  const sinceStart = () => performance.now() - startedAtMs;
  const peer = { roundTripMs: options.roundTripMs };
  const keepAlive: KeepAlive = new KeepAlive({
    ping(payload) {
      pings.push(sinceStart());
      if (peer.roundTripMs === undefined) return;
      setTimeout(() => {
        keepAlive.heard();
        keepAlive.pong(payload);
      }, peer.roundTripMs);
    },
    dead: () => void deaths.push(sinceStart()),
  }, INTERVAL_MS);
  return {
    time,
    keepAlive,
    pings,
    deaths,
    peer,
    [Symbol.dispose]() {
      keepAlive[Symbol.dispose]();
      time[Symbol.dispose]();
    },
  };
}

Deno.test("KeepAlive pings a silent peer after half an interval and finds it dead after a whole one, once", () => {
  using watched = watch();
  watched.time.pass(10 * INTERVAL_MS);
  assert.deepEqual(watched.pings, [0, 500]);
  assert.deepEqual(watched.deaths, [1000]);
  assert.equal(watched.time.timers, 0);
});

Deno.test("KeepAlive lets a peer live that only answers pings, and pings no more than needed", () => {
  using watched = watch({ roundTripMs: 20 });
  watched.time.pass(100 * INTERVAL_MS);
  assert.deepEqual(watched.deaths, []);
  assert.ok(watched.pings.length <= 201, `${watched.pings.length} pings`);
});

Deno.test("KeepAlive finds a peer dead one interval after its last sign of life", () => {
  using watched = watch({ roundTripMs: 20 });
  watched.time.pass(5000);
  watched.peer.roundTripMs = undefined;
  watched.time.pass(250);
  watched.keepAlive.heard();
  watched.time.pass(999);
  assert.deepEqual(watched.deaths, []);
  watched.time.pass(1);
  assert.deepEqual(watched.deaths, [6250]);
});

Deno.test("KeepAlive does not ping a peer that is heard all the time", () => {
  using watched = watch();
  for (let index = 0; index < 100; index++) {
    watched.keepAlive.heard();
    watched.time.pass(100);
  }
  assert.deepEqual(watched.pings, [0]);
  assert.deepEqual(watched.deaths, []);
});

Deno.test("KeepAlive leaves no timer behind when its ping, or new settings, end the connection", () => {
  using time = new FakeTime();
  let pings = 0;
  const keepAlive: KeepAlive = new KeepAlive({
    ping: () => {
      // The second one is that of a silent peer.
      if (++pings === 2) keepAlive[Symbol.dispose]();
    },
    dead: () => assert.fail("It watches nobody any more"),
  }, INTERVAL_MS);
  time.pass(INTERVAL_MS / 2);
  assert.deepEqual([pings, time.timers], [2, 0]);
  keepAlive.setInterval(10 * INTERVAL_MS);
  assert.equal(time.timers, 0);
});

Deno.test("roundTripMs follows shorter samples at once and longer ones slowly", () => {
  using watched = watch({ roundTripMs: 80 });
  assert.equal(watched.keepAlive.roundTripMs, undefined);
  watched.time.pass(100);
  assert.equal(watched.keepAlive.roundTripMs, 80);
  watched.peer.roundTripMs = 40;
  watched.time.pass(600);
  assert.equal(watched.keepAlive.roundTripMs, 40);
  watched.peer.roundTripMs = 120;
  watched.time.pass(600);
  assert.equal(watched.keepAlive.roundTripMs, 50);
});

Deno.test("pong() ignores what is no payload of a ping", () => {
  using watched = watch();
  const forge = (value: number) => {
    const payload = new Uint8Array(8);
    new DataView(payload.buffer).setFloat64(0, value);
    return payload;
  };
  const foreign = [NaN, Infinity, -Infinity, 1e300, -1e300, performance.now() + 1, performance.now() - 3000].map(forge);
  for (const payload of [...foreign, new Uint8Array(0), new Uint8Array(7), new Uint8Array(64)]) {
    watched.keepAlive.pong(payload);
    assert.equal(watched.keepAlive.roundTripMs, undefined);
  }
});

Deno.test("measure() pings at most as often as it is asked to", () => {
  using watched = watch();
  watched.time.pass(100);
  watched.keepAlive.measure(101);
  assert.deepEqual(watched.pings, [0]);
  watched.keepAlive.measure(100);
  assert.deepEqual(watched.pings, [0, 100]);
});

Deno.test("a process that stood still gives its peer half an interval more", () => {
  using watched = watch();
  watched.time.pass(100);
  watched.time.standStill(10_000);
  assert.deepEqual(watched.deaths, []);
  assert.equal(watched.pings.at(-1), 10_100);
  watched.time.pass(499);
  assert.deepEqual(watched.deaths, []);
  watched.time.pass(1);
  assert.deepEqual(watched.deaths, [10_600]);
});

Deno.test("a process that stood still keeps a peer whose bytes it reads afterwards", () => {
  using watched = watch();
  watched.time.standStill(10_000);
  watched.time.pass(100);
  watched.keepAlive.heard();
  watched.time.pass(999);
  assert.deepEqual(watched.deaths, []);
});

Deno.test("setInterval() does not kill a peer that was silent for longer than the new interval", () => {
  using watched = watch({ roundTripMs: 10 });
  watched.time.pass(450);
  watched.keepAlive.setInterval(100);
  watched.time.pass(5000);
  assert.deepEqual(watched.deaths, []);
});

Deno.test("setInterval() holds from now, in both directions", () => {
  for (const intervalMs of [100, 10_000]) {
    using watched = watch();
    watched.time.pass(450);
    watched.keepAlive.setInterval(intervalMs);
    watched.time.pass(20_000);
    assert.deepEqual(watched.deaths, [450 + intervalMs]);
  }
});

Deno.test("disposing ends the watch", () => {
  using watched = watch();
  watched.keepAlive[Symbol.dispose]();
  watched.time.pass(5000);
  assert.deepEqual(watched.deaths, []);
  assert.equal(watched.time.timers, 0);
});
