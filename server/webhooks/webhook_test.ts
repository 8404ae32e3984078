import assert from "node:assert/strict";
import { Webhook as Verifier } from "standardwebhooks";
import { testLog } from "../../tests/testkit/log.ts";
import { webhookKey } from "./signature.ts";
import { makeSecret, Receiver } from "./testing.ts";
import { Webhook, type WebhookOptions } from "./webhook.ts";

const QUICK = { minimumDelayMs: 1, maximumDelayMs: 2, attempts: 4 };
const SECRET = makeSecret();

function webhookTo(url: string, options: Partial<WebhookOptions> = {}): Webhook {
  const key = webhookKey(SECRET)!;
  return new Webhook({
    name: "crm",
    url,
    key,
    timeoutMs: 5_000,
    now: Date.now,
    version: "1",
    retry: QUICK,
    ...options,
  });
}

const answer = (status: number, headers: Record<string, string> = {}) => () => new Response(null, { status, headers });

Deno.test("Webhook delivers an event, signed, as JSON", async () => {
  await using receiver = new Receiver();
  const webhook = webhookTo(receiver.url);
  webhook.send({ type: "tenant.online" });
  await webhook.close({ timeoutMs: 5_000 });
  const [call] = receiver.calls;
  assert.deepEqual([call!.method, call!.path], ["POST", "/hooks/very-secret-path"]);
  assert.equal(call!.headers["content-type"], "application/json");
  assert.deepEqual(new Verifier(SECRET).verify(call!.body, call!.headers), { type: "tenant.online" });
  assert.deepEqual([webhook.delivered, webhook.failed, webhook.dropped, webhook.queued], [1, 0, 0, 0]);
});

Deno.test("Webhook sends an event again after 500 and after no answer in time, under the same id", async () => {
  await using receiver = new Receiver();
  const hanging = Promise.withResolvers<Response>();
  receiver.answers.push(answer(500), () => hanging.promise);
  const webhook = webhookTo(receiver.url, { timeoutMs: 50 });
  webhook.send({ number: 1 });
  await receiver.called(3);
  hanging.resolve(new Response());
  await webhook.close({ timeoutMs: 5_000 });
  assert.deepEqual(receiver.bodies, [{ number: 1 }, { number: 1 }, { number: 1 }]);
  assert.equal(new Set(receiver.calls.map(({ headers }) => headers["webhook-id"])).size, 1);
  for (const { body, headers } of receiver.calls) new Verifier(SECRET).verify(body, headers);
  assert.deepEqual([webhook.delivered, webhook.failed, webhook.dropped], [1, 2, 0]);
});

Deno.test("Webhook keeps the order of events, also past failures", async () => {
  await using receiver = new Receiver();
  receiver.answers.push(answer(204), answer(503), answer(503), answer(204));
  const webhook = webhookTo(receiver.url);
  for (const number of [1, 2, 3]) webhook.send({ number });
  await webhook.close({ timeoutMs: 5_000 });
  assert.deepEqual(receiver.bodies, [1, 2, 2, 2, 3].map((number) => ({ number })));
});

Deno.test("Webhook gives an event up after its attempts, and goes on with the next", async () => {
  await using receiver = new Receiver();
  receiver.answers.push(...Array.from({ length: 4 }, () => answer(500)));
  const webhook = webhookTo(receiver.url);
  for (const number of [1, 2]) webhook.send({ number });
  await webhook.close({ timeoutMs: 5_000 });
  assert.deepEqual(receiver.bodies.at(-1), { number: 2 });
  assert.deepEqual([webhook.delivered, webhook.failed, webhook.dropped], [1, 4, 1]);
});

Deno.test("Webhook follows no redirect", async () => {
  await using receiver = new Receiver();
  await using elsewhere = new Receiver();
  receiver.answers.push(answer(307, { location: elsewhere.url }), answer(302, { location: elsewhere.url }));
  const webhook = webhookTo(receiver.url);
  webhook.send({ number: 1 });
  await webhook.close({ timeoutMs: 5_000 });
  assert.deepEqual([receiver.calls.length, elsewhere.calls.length], [3, 0]);
});

Deno.test("Webhook takes a receiver that is not there for a failure, and does not say its address", async () => {
  const receiver = new Receiver();
  const { url } = receiver;
  await receiver[Symbol.asyncDispose]();
  const webhook = webhookTo(url, { name: "gone" });
  webhook.send({ number: 1 });
  await webhook.close({ timeoutMs: 5_000 });
  assert.deepEqual([webhook.failed, webhook.dropped], [4, 1]);
  const lines = testLog.find({ message: /did not take an event/, properties: { webhook: "gone" } });
  assert.equal(lines.length, 4);
  assert.doesNotMatch(JSON.stringify(lines), /very-secret-path/);
});

Deno.test("Webhook drops the oldest events that wait when the receiver is too slow, but not the one under way", async () => {
  await using receiver = new Receiver();
  const slow = Promise.withResolvers<Response>();
  receiver.answers.push(() => slow.promise);
  const webhook = webhookTo(receiver.url, { maxQueued: 3 });
  for (const number of [1, 2, 3, 4, 5]) webhook.send({ number });
  await receiver.called(1);
  assert.deepEqual([webhook.queued, webhook.dropped], [3, 2]);
  slow.resolve(new Response());
  await webhook.close({ timeoutMs: 5_000 });
  assert.deepEqual(receiver.bodies, [1, 4, 5].map((number) => ({ number })));
});

Deno.test("Webhook.close() cuts a receiver short that takes too long", async () => {
  await using receiver = new Receiver();
  const hanging = Promise.withResolvers<Response>();
  receiver.answers.push(() => hanging.promise);
  const webhook = webhookTo(receiver.url);
  for (const number of [1, 2]) webhook.send({ number });
  await receiver.called(1);
  await webhook.close({ timeoutMs: 10 });
  hanging.resolve(new Response());
  webhook.send({ number: 3 });
  assert.deepEqual([webhook.queued, webhook.delivered, webhook.dropped, receiver.calls.length], [0, 0, 3, 1]);
});

Deno.test("Webhook.close() does not wait for the next attempt", async () => {
  await using receiver = new Receiver();
  receiver.answers.push(answer(500));
  const webhook = webhookTo(receiver.url, { retry: { minimumDelayMs: 60_000, maximumDelayMs: 60_000, attempts: 9 } });
  webhook.send({ number: 1 });
  await receiver.called(1);
  await webhook.close({ timeoutMs: 10 });
  assert.equal(webhook.dropped, 1);
});

Deno.test("Webhook does not say the address of a receiver whose URL has a password or a fragment", async () => {
  const receiver = new Receiver();
  const { url } = receiver;
  await receiver[Symbol.asyncDispose]();
  for (
    const [name, address] of [["password", url.replace("//", "//user:hunter2@")], ["fragment", `${url}#f`]] as const
  ) {
    const webhook = webhookTo(address, { name });
    webhook.send({ number: 1 });
    await webhook.close({ timeoutMs: 5_000 });
    const lines = testLog.find({ message: /did not take an event/, properties: { webhook: name } });
    assert.equal(lines.length, 4, name);
    assert.doesNotMatch(JSON.stringify(lines), /very-secret-path|hunter2/, name);
  }
});
