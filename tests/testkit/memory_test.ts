import assert from "node:assert/strict";
import { canReadMemory, readMemory } from "./memory.ts";
import { startDeno } from "./process.ts";

Deno.test({
  name: "readMemory() sees a process grow when it fills memory",
  ignore: !canReadMemory,
  async fn() {
    const line = (text: string) => `await Deno.stdout.write(new TextEncoder().encode("${text}\\n"));`;
    await using small = startDeno(["eval", `${line("up")} setInterval(() => {}, 1000);`]);
    await using large = startDeno([
      "eval",
      `const bytes = new Uint8Array(200 << 20).fill(1); ${line("up")} setInterval(() => bytes[0], 1000);`,
    ]);
    await Promise.all([small.waitForLine(/up/), large.waitForLine(/up/)]);
    const [before, after] = [await readMemory(small.pid), await readMemory(large.pid)];
    const grownMiB = (after.residentBytes - before.residentBytes) / (1 << 20);
    assert.ok(grownMiB > 150 && grownMiB < 300, `${grownMiB} MiB`);
    assert.ok(after.peakResidentBytes >= after.residentBytes);
  },
});

Deno.test({
  name: "readMemory() rejects when there is no such process",
  ignore: !canReadMemory,
  async fn() {
    const child = startDeno(["eval", "1"]);
    await child.status;
    await assert.rejects(readMemory(child.pid), /there is no process/);
  },
});
