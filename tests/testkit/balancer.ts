/**
 * The documented load balancer of a cluster.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { within } from "./deadline.ts";
import { ChildProcess, PROJECT_ROOT } from "./process.ts";
import { requireCommands, type Requirement } from "./requirement.ts";
import { closedPort } from "./target.ts";
import { connectTcp } from "./tcp.ts";

/** A running load balancer. Hold it with `await using`. */
export interface Balancer extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  /** What it printed so far. */
  output(): string;
  /** Waits until it has found a server up again that it had found down. */
  untilUp(port: number): Promise<void>;
}

/** Whether it can be started here. */
export async function requireBalancer(): Promise<Requirement> {
  return await requireCommands(["caddy"], { requirement: "proxy" });
}

/** Starts Caddy before two servers of this machine with the documented configuration, with quicker checks. */
export async function startBalancer(proxy: Requirement, ports: readonly [number, number]): Promise<Balancer> {
  await using resources = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "relayserver-balancer-" });
  resources.defer(() => Deno.remove(folder, { recursive: true }));
  const port = closedPort();
  let text = await Deno.readTextFile(join(PROJECT_ROOT, "docs", "examples", "Caddyfile.cluster"));
  const changes = [
    [":8000 {", `{\n\tadmin off\n}\nhttp://127.0.0.1:${port} {`],
    ["server-1:8080", `127.0.0.1:${ports[0]}`],
    ["server-2:8080", `127.0.0.1:${ports[1]}`],
    ["health_interval 2s", "health_interval 200ms"],
  ] as const;
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `The documented configuration has no "${from}"`);
    text = text.replace(from, to);
  }
  await Deno.writeTextFile(join(folder, "Caddyfile"), text);
  const child = new Deno.Command(proxy.path("caddy"), {
    args: ["run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")],
    cwd: folder,
    env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const process = resources.use(new ChildProcess(child));
  const listens = async () => {
    while (true) {
      try {
        return (await connectTcp(port)).close();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  await within(listens(), { timeoutMs: 15_000, what: "the balancer" });
  const isUp = async (port: number) => {
    const line = `"msg":"host is up","host":"127.0.0.1:${port}"`;
    while (!process.output.includes(line)) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const kept = resources.move();
  return {
    untilUp: (port) => within(isUp(port), { timeoutMs: 15_000, what: `the balancer's finding of port ${port}` }),
    url: `http://127.0.0.1:${port}`,
    output: () => process.output,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
