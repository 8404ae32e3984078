import assert from "node:assert/strict";
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
