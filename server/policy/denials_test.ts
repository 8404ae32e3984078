import assert from "node:assert/strict";
import { testLog } from "../../tests/testkit/log.ts";
import { type Denial, DenialLog, type DenialSummary } from "./denials.ts";

function denial(changes: Partial<Denial> = {}): Denial {
  return {
    ...{ tenantId: "1", tenant: "acme", reason: "deny: default", clientAddress: "192.0.2.1", requestId: "r" },
    ...changes,
  };
}

class Sink {
  readonly written: DenialSummary[][] = [];
  error: Error | undefined;

  write(summaries: readonly DenialSummary[]): Promise<void> {
    this.written.push([...summaries]);
    return this.error === undefined ? Promise.resolve() : Promise.reject(this.error);
  }
}

Deno.test("DenialLog makes one summary of all denials for the same reason", async () => {
  const sink = new Sink();
  let nowMs = 1_000;
  {
    await using log = new DenialLog({ sink, now: () => nowMs });
    log.denied(denial({ requestId: "first" }));
    nowMs = 2_000;
    for (let host = 0; host < 1_000; host++) log.denied(denial({ clientAddress: `192.0.2.${host % 250}` }));
    log.denied(denial({ reason: 'deny: rule "x"' }));
    log.denied(denial({ tenantId: "2" }));
  }
  const [[first, ...others] = []] = sink.written;
  assert.deepEqual(first, {
    ...{ tenantId: "1", tenant: "acme", reason: "deny: default", count: 1_001, firstAtMs: 1_000, lastAtMs: 2_000 },
    clientAddresses: ["192.0.2.1", "192.0.2.0", "192.0.2.2", "192.0.2.3", "192.0.2.4"],
    requestId: "first",
  });
  assert.deepEqual(others.map(({ tenantId, count }) => [tenantId, count]), [["1", 1], ["2", 1]]);
});

Deno.test("DenialLog takes so many summaries at a time, and counts the others in the log", async () => {
  const sink = new Sink();
  await using log = new DenialLog({ sink, now: () => 0, maxSummaries: 3 });
  for (let tenant = 0; tenant < 10; tenant++) log.denied(denial({ tenantId: String(tenant) }));
  await log.flush();
  assert.equal(sink.written[0]?.length, 3);
  await testLog.waitFor({ message: /more reasons than the audit takes/, properties: { count: 7 } });
});

Deno.test("DenialLog writes by itself after its interval, and nothing when there was nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<readonly DenialSummary[]>();
  const sink = { write: (summaries: readonly DenialSummary[]) => Promise.resolve(resolve(summaries)) };
  await using log = new DenialLog({ sink, now: () => 0, intervalMs: 1 });
  log.denied(denial());
  assert.equal((await promise).length, 1);
  await using _idle = new DenialLog({ sink: { write: () => assert.fail("nothing to write") }, now: () => 0 });
});

Deno.test("DenialLog puts into the log what cannot be written, and goes on", async () => {
  const sink = new Sink();
  sink.error = new Error("the database is away");
  await using log = new DenialLog({ sink, now: () => 0 });
  log.denied(denial());
  await log.flush();
  await testLog.waitFor({ message: /^Cannot write .* denials to the audit/, properties: { error: sink.error } });
  sink.error = undefined;
  log.denied(denial());
  await log.flush();
  assert.equal(sink.written.length, 2);
});
