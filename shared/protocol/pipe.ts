/**
 * What the protocol needs of its carrier: an ordered pipe of binary messages that knows nothing of frames.
 *
 * @module
 */

/** Who receives what comes out of a pipe. */
export interface PipeReceiver {
  /** One message, in the order it was sent. The bytes belong to the receiver. */
  message(bytes: Uint8Array): void;
  /** The pipe has ended; called once, after the last message. `code` is 1006 when it broke without a word. */
  closed(code: number, reason: string): void;
}

/** One end of a pipe. Every implementation passes `pipe_contract.ts`. */
export interface MessagePipe {
  /** Starts delivery, or hands it over to another receiver. What arrived before waits for the first call. */
  open(receiver: PipeReceiver): void;
  /** Sends one message; never blocks. Does nothing once the pipe is closed: the receiver hears of that from `closed`. */
  send(message: Uint8Array<ArrayBuffer>): void;
  /** Bytes accepted by `send` that have not left yet. */
  readonly bufferedAmount: number;
  /** Ends the pipe after what was sent. `code` is 1000, 1001 or 4000 to 4999; `reason` is at most 123 bytes. */
  close(code: number, reason: string): void;
  /** Drops the pipe at once, without a word to the other side; `closed` is called with 1006. */
  terminate(): void;
}
