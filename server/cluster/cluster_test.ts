import assert from "node:assert/strict";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { Cluster } from "./cluster.ts";
import { encodeLetter } from "./mail.ts";
import { LOSING_MAIL } from "./testing.ts";

Deno.test("a request that waits here stays where what is sent is lost, whoever asks for it: mail may still come in", () => {
  using _time = new FakeTime();
  const offered: string[] = [];
  using cluster = new Cluster({
    mail: LOSING_MAIL,
    connections: { count: () => 0, tenantIds: () => [], onChange: () => ({ [Symbol.dispose]: () => {} }) },
  }, {
    origin: { originId: "here", machineName: "machine", version: "1" },
    databaseId: "database",
    keepAliveIntervalMs: 15_000,
    includesItself: false,
    foreignNeighbour: () => {},
  });
  cluster.start({
    serve: () => Promise.reject(new Error("There is no connection")),
    offer: (requestId) => offered.push(requestId) > 0,
  });
  const asked = (requestId: string) =>
    cluster.mail(encodeLetter({ type: "pull", originId: "there", tenantId: "t", requestId }));
  asked("before there is a carrier");
  cluster.ready();
  asked("now");
  cluster.lost();
  asked("after it was lost");
  cluster.held();
  asked("while it takes nothing, and loses nothing");
  assert.deepEqual(offered, ["now", "while it takes nothing, and loses nothing"]);
});
