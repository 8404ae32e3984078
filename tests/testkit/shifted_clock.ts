/**
 * Loaded before a program, it has the program's clock go wrong by so many milliseconds as `RELAY_TEST_CLOCK_OFFSET_MS` says.
 *
 * @module
 */

const offsetMs = Number(Deno.env.get("RELAY_TEST_CLOCK_OFFSET_MS") ?? 0);
const rightNow = Date.now;
Date.now = () => rightNow() + offsetMs;
globalThis.Date = new Proxy(Date, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [rightNow() + offsetMs] : args, newTarget),
});
