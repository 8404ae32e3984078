/**
 * nginx as a reverse proxy in front of the target.
 *
 * @module
 */

import { startLinkTo } from "../link_process.ts";
import { startReverseProxy } from "../nginx.ts";
import type { Peer } from "./peer.ts";

/** What one uses where the target can be reached. */
export const nginx: Peer = {
  name: "nginx",
  async start(options) {
    await using resources = new AsyncDisposableStack();
    const target = resources.use(await startLinkTo(options.targetPort, options));
    const { port, program } = resources.use(await startReverseProxy(options.folder, target.port));
    const kept = resources.move();
    return {
      url: `http://127.0.0.1:${port}`,
      headers: {},
      programs: { nginx: program },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  },
};
