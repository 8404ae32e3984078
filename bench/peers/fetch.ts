/**
 * A Deno program that answers with what `fetch` gets from the target: no tunnel, one process.
 *
 * @module
 */

import { join } from "node:path";
import { startLinkTo } from "../link_process.ts";
import { Program } from "../processes.ts";
import type { Peer } from "./peer.ts";

/** The same platform as the relay without anything that makes it a relay. */
export const fetchProxy: Peer = {
  name: "Deno fetch proxy",
  async start(options) {
    await using resources = new AsyncDisposableStack();
    const target = resources.use(await startLinkTo(options.targetPort, options));
    const script = join(import.meta.dirname ?? "", "fetch_proxy.ts");
    const command = [Deno.execPath(), "run", "--no-prompt", "--allow-net=127.0.0.1", script, String(target.port)];
    const program = resources.use(Program.start(command, { folder: options.folder }));
    const [, port] = await program.waitFor(/port (\d+)\n/);
    const kept = resources.move();
    return {
      url: `http://127.0.0.1:${port}`,
      headers: {},
      programs: { proxy: program },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  },
};
