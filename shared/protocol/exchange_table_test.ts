import assert from "node:assert/strict";
import fc from "fast-check";
import type { Exchange } from "./exchange.ts";
import { ExchangeTable } from "./exchange_table.ts";

function makeExchange(): Exchange {
  return { receive() {}, fail() {} };
}

/** Ids of which several share their first two digits, and with them a bucket. */
const someId = fc.tuple(fc.constantFrom("00", "0f", "9a", "a9", "ff"), fc.integer({ min: 0, max: 3 }))
  .map(([digits, rest]) => digits + String(rest).padStart(30, "0"));
const someStep = fc.record({ id: someId, adds: fc.boolean() });

Deno.test("ExchangeTable holds what a Map would hold, whatever comes and goes", () => {
  fc.assert(fc.property(fc.array(someStep, { maxLength: 100 }), (steps) => {
    const table = new ExchangeTable<Exchange>();
    const map = new Map<string, Exchange>();
    for (const { id, adds } of steps) {
      if (!adds) {
        table.remove(id);
        map.delete(id);
      } else if (!map.has(id)) {
        const exchange = makeExchange();
        table.add(id, exchange);
        map.set(id, exchange);
      }
      assert.equal(table.get(id), map.get(id));
      assert.equal(table.size, map.size);
    }
    const byId = ([a]: readonly [string, Exchange], [b]: readonly [string, Exchange]) => a < b ? -1 : 1;
    assert.deepEqual(table.list().sort(byId), [...map].sort(byId));
    for (const [id, exchange] of map) assert.equal(table.get(id), exchange);
  }));
});

Deno.test("list() may be walked while its deliveries leave the table", () => {
  const table = new ExchangeTable<Exchange>();
  const ids = Array.from({ length: 20 }, () => crypto.randomUUID().replaceAll("-", ""));
  for (const id of ids) table.add(id, makeExchange());
  const seen = table.list().map(([id]) => {
    table.remove(id);
    return id;
  });
  assert.deepEqual(seen.sort(), ids.sort());
  assert.equal(table.size, 0);
});
