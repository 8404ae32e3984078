import assert from "node:assert/strict";
import { SetupCode } from "./setup_code.ts";

function setUp() {
  const made: string[] = [];
  return { code: new SetupCode({ made: (code) => made.push(code) }), made };
}

Deno.test("redeem() takes the code once", async () => {
  const { code, made } = setUp();
  assert.equal(await code.redeem(""), false);
  code.renew();
  const [value = ""] = made;
  assert.equal(await code.redeem(`${value.slice(1)}x`), false);
  assert.equal(await code.redeem(` ${value}\n`), true);
  assert.equal(code.isOpen, false);
  assert.equal(await code.redeem(value), false);
});

Deno.test("redeem() lets one of two at once have it", async () => {
  const { code, made } = setUp();
  code.renew();
  const [value = ""] = made;
  assert.deepEqual((await Promise.all([code.redeem(value), code.redeem(value)])).sort(), [false, true]);
});

Deno.test("redeem() replaces the code after ten wrong ones", async () => {
  const { code, made } = setUp();
  code.renew();
  const [first = ""] = made;
  for (let index = 0; index < 9; index++) assert.equal(await code.redeem("guess".repeat(10_000)), false);
  assert.equal(made.length, 1);
  assert.equal(await code.redeem("guess"), false);
  assert.equal(made.length, 2);
  assert.equal(await code.redeem(first), false);
  assert.equal(await code.redeem(made[1] ?? ""), true);
});

Deno.test("close() ends it", async () => {
  const { code, made } = setUp();
  code.renew();
  code.close();
  assert.equal(await code.redeem(made[0] ?? ""), false);
});
