import assert from "node:assert/strict";
import { FakeTime, settle } from "../../shared/protocol/testing.ts";
import { Questions } from "./questions.ts";

const asked = { timeoutMs: 60_000, send: () => {}, late: () => {} };

Deno.test("gone() answers at once what an origin that stopped was asked, and nothing else", async () => {
  using questions = new Questions<string>();
  const gone = questions.ask("1", { ...asked, originId: "a" });
  const other = questions.ask("2", { ...asked, originId: "b" });
  questions.gone("a", "gone");
  assert.equal(await gone, "gone");
  assert.equal(questions.size, 1);
  questions.answered("2", "sent");
  assert.equal(await other, "sent");
});

Deno.test("fail() rejects everything when the way to the other origins is lost, and new questions can be asked", async () => {
  using questions = new Questions<string>();
  const lost = questions.ask("1", asked);
  questions.fail(new Error("lost"));
  await assert.rejects(lost, /lost/);
  const next = questions.ask("1", asked);
  questions.answered("1", "sent");
  assert.equal(await next, "sent");
});

Deno.test("answered() drops an answer that nobody waits for", () => {
  using questions = new Questions<string>();
  questions.answered("1", "sent");
  assert.equal(questions.size, 0);
});

Deno.test("ask() gives the answer to all who ask an origin the same", async () => {
  using questions = new Questions<string>();
  const asked: string[] = [];
  const ask = (originId: string) =>
    questions.ask("1", { timeoutMs: 60_000, originId, send: () => void asked.push(originId), late: () => {} });
  const both = [ask("a"), ask("a")];
  questions.answered("1", "sent");
  assert.deepEqual(await Promise.race([Promise.all(both), settle()]), ["sent", "sent"]);
  assert.deepEqual([asked, questions.size], [["a"], 0]);
});

Deno.test("ask() waits the whole time for an origin when another one was asked the same before", async () => {
  using time = new FakeTime();
  using questions = new Questions<string>();
  const ask = (originId: string) =>
    questions.ask("1", { timeoutMs: 5000, originId, send: () => {}, late: ({ resolve }) => resolve("late") });
  const first = ask("a");
  time.pass(1000);
  const second = ask("b");
  time.pass(4000);
  assert.equal(await first, "late");
  questions.answered("1", "sent");
  assert.equal(await Promise.race([second, settle()]), "sent");
});
