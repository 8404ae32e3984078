/**
 * How the AMQP frames that amqplib makes get to the socket. Its types do not tell of the socket.
 *
 * @module
 */

import { nextTick } from "node:process";
import type { Writable } from "node:stream";
import type { ChannelModel } from "amqplib";

/** Frames that a connection writes in a row leave in one system call instead of one each. */
export function gatherWrites(model: ChannelModel): void {
  const { stream } = model.connection as unknown as { readonly stream: Writable };
  const write = stream.write;
  let isGathering = false;
  stream.write = function (...args: Parameters<Writable["write"]>): boolean {
    if (!isGathering) {
      isGathering = true;
      stream.cork();
      nextTick(() => {
        isGathering = false;
        stream.uncork();
      });
    }
    return write.apply(stream, args);
  } as Writable["write"];
}
