import assert from "node:assert/strict";
import { connectRaw, FakeTime, makeRequest, SETTINGS } from "../../shared/protocol/testing.ts";
import { ConnectorConnection } from "./connection.ts";
import { ConnectionRegistry } from "./registry.ts";

/** A registry whose sessions are closed in the end. */
class Site implements Disposable {
  readonly registry = new ConnectionRegistry();
  readonly #stack = new DisposableStack();

  /** Connects a connector; `remove` takes it out of the registry. */
  connect(id: string, { tenantId = "t", capacity = 2 } = {}): { connection: ConnectorConnection; remove: () => void } {
    const { session } = this.#stack.use(connectRaw());
    const connection = new ConnectorConnection(session, {
      id,
      originId: "here",
      tenantId,
      tenantName: tenantId,
      secretId: null,
      peerAddress: "192.0.2.1",
      connectedAt: 0,
      connector: { version: "1", machineName: id },
      targets: [],
    }, { settings: SETTINGS, capacity });
    const registration = this.registry.add(connection);
    return { connection, remove: () => registration[Symbol.dispose]() };
  }

  [Symbol.dispose](): void {
    this.#stack[Symbol.dispose]();
  }
}

function deliver(connection: ConnectorConnection): void {
  connection.deliver(makeRequest(), {}).response.catch(() => {});
}

Deno.test("pick() spreads requests evenly among connections that are equally busy", () => {
  using site = new Site();
  for (const id of ["a", "b", "c"]) site.connect(id);
  const picked: Record<string, number> = {};
  for (let count = 0; count < 300; count++) {
    const { id } = site.registry.pick("t")!;
    picked[id] = (picked[id] ?? 0) + 1;
  }
  assert.deepEqual(picked, { a: 100, b: 100, c: 100 });
});

Deno.test("pick() takes the least busy connection, wherever the search starts", () => {
  using site = new Site();
  const [a, , c] = ["a", "b", "c"].map((id) => site.connect(id));
  deliver(a!.connection);
  deliver(c!.connection);
  for (let count = 0; count < 6; count++) assert.equal(site.registry.pick("t")?.id, "b");
});

Deno.test("pick() leaves out who has no room, who drains, and other tenants", () => {
  using site = new Site();
  const { connection: full } = site.connect("full", { capacity: 1 });
  const { connection: draining } = site.connect("draining");
  site.connect("other", { tenantId: "u" });
  deliver(full);
  draining.drain("draining", "now");
  for (let count = 0; count < 3; count++) assert.equal(site.registry.pick("t"), undefined);
  assert.equal(site.registry.pick("unknown"), undefined);
  site.connect("free");
  for (let count = 0; count < 3; count++) assert.equal(site.registry.pick("t")?.id, "free");
});

Deno.test("capacity() adds up the room of open connections, and keeps full apart from none", () => {
  using site = new Site();
  const { registry } = site;
  assert.equal(registry.capacity("t"), undefined);
  const { connection: a } = site.connect("a", { capacity: 1 });
  const { connection: b } = site.connect("b", { capacity: 3 });
  assert.equal(registry.capacity("t"), 4);
  deliver(a);
  assert.equal(registry.capacity("t"), 3);
  b.drain("draining", "now");
  assert.equal(registry.capacity("t"), 0);
  a.drain("draining", "now");
  assert.equal(registry.capacity("t"), undefined);
});

Deno.test("wasConnectedRecently() is true while connected, while closing, and for a minute after", () => {
  using time = new FakeTime();
  using site = new Site();
  const { registry } = site;
  assert.equal(registry.wasConnectedRecently("t"), false);
  const { connection, remove } = site.connect("a");
  assert.equal(registry.wasConnectedRecently("t"), true);
  connection.close(1000, "done");
  assert.equal(registry.capacity("t"), undefined);
  assert.equal(registry.wasConnectedRecently("t"), true);
  remove();
  time.pass(59_999);
  assert.equal(registry.wasConnectedRecently("t"), true);
  assert.equal(registry.wasConnectedRecently("u"), false);
  time.pass(1);
  assert.equal(registry.wasConnectedRecently("t"), false);
});

Deno.test("add() and removal change size and list, each once", () => {
  using site = new Site();
  const { registry } = site;
  const a = site.connect("a");
  site.connect("b");
  site.connect("c", { tenantId: "u" });
  a.remove();
  a.remove();
  assert.equal(registry.size, 2);
  assert.deepEqual([...registry.list()].map(({ id }) => id), ["b", "c"]);
  assert.deepEqual([...registry.list("t")].map(({ id }) => id), ["b"]);
  assert.deepEqual([...registry.list("unknown")], []);
});

Deno.test("onChange() tells of every change with its tenant, until it is disposed", () => {
  using site = new Site();
  const changes: string[] = [];
  const registration = site.registry.onChange((tenantId) => void changes.push(tenantId));
  const { remove } = site.connect("a");
  site.connect("b", { tenantId: "u" });
  site.registry.changed("v");
  remove();
  registration[Symbol.dispose]();
  site.connect("c");
  assert.deepEqual(changes, ["t", "u", "v", "t"]);
});

Deno.test("drainAll() drains the connections of every tenant", () => {
  using site = new Site();
  const connections = [site.connect("a"), site.connect("b"), site.connect("c", { tenantId: "u" })];
  site.registry.drainAll("draining", "now");
  assert.deepEqual(connections.map(({ connection }) => connection.isOpen), [false, false, false]);
});

Deno.test("disconnect() ends a connection of the tenant that is named, and no other's", () => {
  using site = new Site();
  const { connection } = site.connect("a");
  site.connect("b", { tenantId: "u" });
  assert.deepEqual([...site.registry.tenantIds()], ["t", "u"]);
  assert.equal(site.registry.find("a"), connection);
  assert.equal(site.registry.find("c"), undefined);
  assert.equal(site.registry.disconnect("u", "a", { withinMs: 1 }), false);
  assert.equal(connection.isOpen, true);
  assert.equal(site.registry.disconnect("t", "a", { withinMs: 1 }), true);
  assert.equal(connection.isOpen, false);
});

Deno.test("a capacity that shrinks leaves what is under way, and takes nothing before there is room again", () => {
  using site = new Site();
  const { connection } = site.connect("a", { capacity: 3 });
  for (let count = 0; count < 3; count++) deliver(connection);
  assert.equal(connection.apply({ settings: SETTINGS, capacity: 1 }), true);
  assert.deepEqual([connection.inFlight, connection.room, site.registry.capacity("t")], [3, 0, 0]);
  assert.equal(site.registry.pick("t"), undefined);
  assert.equal(connection.apply({ settings: SETTINGS, capacity: 1 }), false);
  connection.apply({ settings: SETTINGS, capacity: 5 });
  assert.equal(connection.room, 2);
});
