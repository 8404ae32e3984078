/**
 * The target without anything in between.
 *
 * @module
 */

import { startLinkTo } from "../link_process.ts";
import type { Peer } from "./peer.ts";

/** The client reaches the target itself. With a link it is the link's own ceiling. */
export const direct: Peer = {
  name: "direct",
  async start(options) {
    const { port, ...link } = await startLinkTo(options.targetPort, options);
    return { url: `http://127.0.0.1:${port}`, headers: {}, programs: {}, ...link };
  },
};
