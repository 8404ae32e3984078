import assert from "node:assert/strict";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { Announcer } from "./announcer.ts";
import { decodeMail } from "./mail.ts";
import { LOSING_MAIL } from "./testing.ts";

Deno.test("Announcer tells of a tenant that comes back just after everybody was told of all others", () => {
  using time = new FakeTime();
  const counts = new Map([["t", 1]]);
  const told: unknown[] = [];
  let changed: (tenantId: string) => void = () => {};
  const connections = {
    count: (tenantId: string) => counts.get(tenantId) ?? 0,
    tenantIds: () => counts.keys(),
    onChange: (listener: (tenantId: string) => void) => {
      changed = listener;
      return { [Symbol.dispose]: () => {} };
    },
  };
  const broadcast = (message: Uint8Array) => {
    const mail = decodeMail(message);
    if (mail?.to === "origin" && mail.letter.type === "presence") told.push(mail.letter.connections);
  };
  using announcer = new Announcer({ mail: { ...LOSING_MAIL, broadcast }, connections }, {
    origin: { originId: "here", machineName: "machine", version: "1" },
    databaseId: "database",
    isSettled: () => true,
  });
  announcer.announce(true);
  counts.delete("t");
  changed("t");
  announcer.announce(true);
  counts.set("t", 1);
  changed("t");
  time.pass(20);
  assert.deepEqual(told, [{ t: 1 }, {}, { t: 1 }]);
});
