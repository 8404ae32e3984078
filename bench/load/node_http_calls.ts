/**
 * Bare calls by `node:http` over kept connections. Takes port, calls, and calls at a time; prints `CPU N us a call` of those after a warm-up.
 *
 * @module
 */

import { Agent, get } from "node:http";
import { cpuUsage } from "node:process";

const [port = 0, calls = 0, atATime = 0] = Deno.args.map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: atATime });

function call(): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/small", agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`The target answered ${response.statusCode}`));
      response.on("end", resolve).on("error", reject).resume();
    }).on("error", reject);
  });
}

async function run(count: number): Promise<void> {
  let begun = 0;
  await Promise.all(Array.from({ length: atATime }, async () => {
    while (begun++ < count) await call();
  }));
}

await run(calls / 4);
const before = cpuUsage();
await run(calls);
const { user, system } = cpuUsage(before);
await Deno.stdout.write(new TextEncoder().encode(`CPU ${(user + system) / calls} us a call\n`));
agent.destroy();
