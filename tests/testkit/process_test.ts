import assert from "node:assert/strict";
import { startDeno } from "./process.ts";

const print = (text: string) => `await Deno.stdout.write(new TextEncoder().encode(${JSON.stringify(text)}));`;
const WAIT_FOR_EVER = `setInterval(() => {}, 1000);`;
const stubborn = `Deno.addSignalListener("SIGTERM", () => {}); ${print("up\n")} ${WAIT_FOR_EVER}`;

Deno.test("waitForLine() finds a line when it was printed before and when it comes later", async () => {
  await using child = startDeno(["eval", `${print("listening on 80")}${print("81\nnext\n")}${WAIT_FOR_EVER}`]);
  assert.equal((await child.waitForLine(/on (\d+)$/))[1], "8081");
  assert.equal((await child.waitForLine(/^next$/))[0], "next");
  assert.equal((await child.waitForLine(/listening/)).input, "listening on 8081");
});

Deno.test("waitForLine() rejects with the output when the process ends without the line", async () => {
  await using child = startDeno(["eval", `${print("out\n")} throw new Error("broken")`]);
  await assert.rejects(child.waitForLine(/never/), /ended without a line like \/never\/[^]*out[^]*broken/);
  await assert.rejects(child.waitForLine(/never/), /ended without a line/);
  assert.equal((await child.status).code, 1);
  assert.equal(child.stdout, "out\n");
  assert.match(child.stderr, /broken/);
});

Deno.test("waitForLine() rejects when the time is up", async () => {
  await using child = startDeno(["eval", WAIT_FOR_EVER]);
  await assert.rejects(child.waitForLine(/never/, { timeoutMs: 50 }), /Waited 50 ms for a line like \/never\//);
});

Deno.test("stop() ends the process with the signal, and says the same when it is called again", async () => {
  await using child = startDeno(["eval", `${print("up\n")} ${WAIT_FOR_EVER}`], { env: { NAME: "value" } });
  await child.waitForLine(/up/);
  assert.equal((await child.stop()).signal, "SIGTERM");
  assert.equal((await child.stop()).signal, "SIGTERM");
});

Deno.test("stop() kills the process when it does not stop in time", async () => {
  await using child = startDeno(["eval", stubborn]);
  await child.waitForLine(/up/);
  assert.equal((await child.stop({ timeoutMs: 50 })).signal, "SIGKILL");
});
