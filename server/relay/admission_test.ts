import assert from "node:assert/strict";
import { Admission } from "./admission.ts";

Deno.test("enter() throws overloaded at a tenant's limit, and lets in again after a leave()", () => {
  const admission = new Admission({ requests: 100, requestsPerTenant: 2 });
  admission.enter("a");
  admission.enter("a");
  assert.throws(() => admission.enter("a"), { code: "overloaded" });
  admission.enter("b");
  assert.equal(admission.inFlight, 3);
  admission.leave("a");
  admission.enter("a");
});

Deno.test("enter() keeps room for others when one tenant alone could fill the server", () => {
  const admission = new Admission({ requests: 10, requestsPerTenant: 100 });
  for (let index = 0; index < 8; index++) admission.enter("flood");
  assert.throws(() => admission.enter("flood"), { code: "overloaded" });
  admission.enter("other");
});

Deno.test("close() lets nobody in, and resolves when the last request is done", async () => {
  const admission = new Admission({ requests: 10, requestsPerTenant: 10 });
  admission.enter("a");
  let isIdle = false;
  const idle = admission.close().then(() => isIdle = true);
  assert.equal(admission.isOpen, false);
  assert.throws(() => admission.enter("a"), { code: "draining" });
  await Promise.resolve();
  assert.equal(isIdle, false);
  admission.leave("a");
  await idle;
  assert.equal(admission.inFlight, 0);
});

Deno.test("close() resolves at once when nothing is in flight", async () => {
  await new Admission({ requests: 1, requestsPerTenant: 1 }).close();
});
