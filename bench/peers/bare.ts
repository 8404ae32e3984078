/**
 * The least that is a relay: one message there and one back over a WebSocket, and nothing else.
 *
 * @module
 */

import { join } from "node:path";
import { Program } from "../processes.ts";
import type { Peer } from "./peer.ts";

const PROJECT_ROOT = join(import.meta.dirname ?? "", "../..");
const PERMISSIONS = ["--no-prompt", "--allow-net=127.0.0.1", "--allow-env"];

/**
 * What the relay's platform, HTTP and WebSocket cost on this machine: `node:http` and `ws`, no tenants, limits, logs, deadlines, streams or checks.
 * It takes bodies of any length as a whole, so it is a peer for small requests only.
 */
export const bareRelay: Peer = {
  name: "bare relay",
  async start({ folder, targetPort }) {
    await using resources = new AsyncDisposableStack();
    const start = (script: string, ports: readonly number[]) => {
      const file = join(import.meta.dirname ?? "", script);
      const command = [Deno.execPath(), "run", ...PERMISSIONS, file, ...ports.map(String)];
      return resources.use(Program.start(command, { folder, cwd: PROJECT_ROOT }));
    };
    const server = start("bare_relay_server.ts", []);
    const [, port] = await server.waitFor(/port (\d+)\n/);
    const connector = start("bare_relay_connector.ts", [Number(port), targetPort]);
    await connector.waitFor(/connected\n/);
    const kept = resources.move();
    return {
      url: `http://127.0.0.1:${port}`,
      headers: {},
      programs: { server, connector },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  },
};
