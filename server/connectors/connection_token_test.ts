import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { parseHead } from "../../shared/protocol/codec.ts";
import { FrameType } from "../../shared/protocol/frame.ts";
import { connectRaw, FakeTime, SETTINGS, settle } from "../../shared/protocol/testing.ts";
import { ConnectorConnection } from "./connection.ts";
import { ConnectionToken, type TokenCheck } from "./connection_token.ts";

const UNAVAILABLE = new RelayError("authentication_unavailable", "not now");

/** A connection whose token holds for 60 s, and a check that the test changes. */
function setUp() {
  const stack = new DisposableStack();
  const time = stack.use(new FakeTime());
  const { session, pipe } = stack.use(connectRaw());
  const facts = {
    ...{
      id: "c",
      originId: "here",
      tenantId: "t",
      tenantName: "t",
      secretId: null,
      peerAddress: "192.0.2.1",
      connectedAt: 0,
    },
    connector: { version: "1", machineName: "site" },
    targets: [],
  };
  // The peer of a raw pipe does not answer, and must not be taken for dead.
  const connection = new ConnectorConnection(session, facts, { settings: SETTINGS, capacity: 1 });
  session.configure({ ...SETTINGS, keepAliveIntervalMs: 86_400_000 });
  const check: { -readonly [Key in keyof TokenCheck]: TokenCheck[Key] } = {
    renew: () => Promise.resolve(performance.now() + 120_000),
    isPossible: () => Promise.resolve(true),
    now: () => performance.now(),
  };
  const token = new ConnectionToken(connection, {
    renew: (text) => check.renew(text),
    isPossible: () => check.isPossible(),
    now: () => check.now(),
  });
  token.holdUntil(performance.now() + 60_000);
  const pass = async (ms: number) => {
    time.pass(ms);
    await settle();
  };
  const reason = () => {
    const frame = pipe.frames.find(({ type }) => type === FrameType.goAway);
    return frame === undefined ? undefined : parseHead(frame).reason;
  };
  return { connection, token, check, pass, reason, session, time, [Symbol.dispose]: () => stack.dispose() };
}

Deno.test("a connection ends politely with its token", async () => {
  using site = setUp();
  await site.pass(59_999);
  assert.equal(site.connection.isOpen, true);
  await site.pass(1);
  assert.equal(site.connection.isOpen, false);
  assert.equal(site.reason(), "authentication_failed");
});

Deno.test("a renewed token takes the place of the first", async () => {
  using site = setUp();
  site.token.renew("renewed");
  await settle();
  await site.pass(119_999);
  assert.equal(site.connection.isOpen, true);
  await site.pass(1);
  assert.equal(site.connection.isOpen, false);
});

Deno.test("a renewed token that is refused ends the connection at once", async () => {
  for (const code of ["authentication_required", "access_denied", "tenant_disabled"] as const) {
    using site = setUp();
    site.check.renew = () => Promise.reject(new RelayError(code, "no"));
    site.token.renew("renewed");
    await settle();
    assert.equal(site.reason(), code === "tenant_disabled" ? "tenant_disabled" : "authentication_failed");
  }
});

Deno.test("a renewed token that cannot be checked is checked again until it can", async () => {
  using site = setUp();
  const good = site.check.renew;
  site.check.renew = () => Promise.reject(UNAVAILABLE);
  site.token.renew("renewed");
  await settle();
  for (let count = 0; count < 3; count++) await site.pass(5_000);
  assert.equal(site.connection.isOpen, true);
  site.check.renew = good;
  await site.pass(5_000);
  await site.pass(100_000);
  assert.equal(site.connection.isOpen, true);
});

Deno.test("only the newest of several renewed tokens counts", async () => {
  using site = setUp();
  const first = Promise.withResolvers<number>();
  site.check.renew = (text) => text === "first" ? first.promise : Promise.resolve(performance.now() + 120_000);
  site.token.renew("first");
  site.token.renew("second");
  await settle();
  first.reject(new RelayError("authentication_required", "no"));
  await settle();
  assert.equal(site.connection.isOpen, true);
});

Deno.test("a token that ends while tenants cannot be looked up holds on until they can", async () => {
  using site = setUp();
  site.check.isPossible = () => Promise.resolve(false);
  await site.pass(60_000);
  await site.pass(5_000);
  await site.pass(5_000);
  assert.equal(site.connection.isOpen, true);
  site.check.isPossible = () => Promise.resolve(true);
  await site.pass(5_000);
  assert.equal(site.connection.isOpen, false);
});

Deno.test("a connection that ends leaves no timer behind", async () => {
  using site = setUp();
  site.check.renew = () => Promise.reject(UNAVAILABLE);
  site.token.renew("renewed");
  await settle();
  site.connection.dismiss({ reason: "disconnected", reconnect: "later", withinMs: 5_000 });
  site.session.close(1001, "gone");
  await settle();
  site.token.holdUntil(performance.now() + 60_000);
  site.connection.dismiss({ reason: "disconnected", reconnect: "later", withinMs: 5_000 });
  assert.equal(site.time.timers, 0);
});

Deno.test("a connection goes on when its token is renewed while the tenant is looked up because the old one has ended", async () => {
  for (const isPossible of [true, false]) {
    using site = setUp();
    const lookup = Promise.withResolvers<boolean>();
    site.check.isPossible = () => lookup.promise;
    await site.pass(60_000);
    site.token.renew("renewed");
    await settle();
    lookup.resolve(isPossible);
    site.check.isPossible = () => Promise.resolve(true);
    await site.pass(119_999);
    assert.equal(site.connection.isOpen, true);
    await site.pass(1);
    assert.equal(site.connection.isOpen, false);
  }
});

Deno.test("a token that holds for longer than a timer runs ends no connection before its time", async () => {
  using site = setUp();
  site.session.configure({ ...SETTINGS, keepAliveIntervalMs: 10 * 2 ** 31 });
  site.token.holdUntil(performance.now() + 2 ** 32);
  for (let count = 0; count < 4; count++) await site.pass(2 ** 30 - 1);
  assert.equal(site.connection.isOpen, true);
  await site.pass(4);
  assert.equal(site.connection.isOpen, false);
});
