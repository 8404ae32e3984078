/**
 * How the AMQP frames that amqplib makes get to the socket. The only place that touches what its types do not tell of.
 *
 * @module
 */

import { nextTick } from "node:process";
import type { Writable } from "node:stream";
import type { Channel, ChannelModel } from "amqplib";

/** What amqplib has behind a channel and its connection. */
interface Internals {
  readonly stream: Writable;
  /** By their numbers. A channel's frames wait in its buffer until the end of the turn of the event loop. */
  readonly channels: ({ buffer: FrameBuffer } | null)[];
}

interface FrameBuffer {
  /** @returns Whether there is room for more. */
  write(frame: Uint8Array): boolean;
  end(): void;
}

/** Frames that a connection writes in a row leave in one system call instead of one each. */
export function gatherWrites(model: ChannelModel): void {
  const { stream } = model.connection as unknown as Internals;
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

/**
 * Frames of a channel go to the socket at once, instead of by a buffer and a turn of the event loop later. Only for a channel that has nothing unsent.
 *
 * @returns The socket, whose `writableLength` is what has not left yet.
 */
export function writeThrough(channel: Channel): Pick<Writable, "writableLength"> {
  const { ch, connection } = channel as unknown as { readonly ch: number; readonly connection: Internals };
  const { stream } = connection;
  const slot = connection.channels[ch]!;
  const { buffer } = slot;
  slot.buffer = { write: (frame) => stream.write(frame), end: () => buffer.end() };
  return stream;
}
