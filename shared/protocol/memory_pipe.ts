/**
 * Two ends of a pipe in one process, for tests and for a connector that lives inside its server.
 *
 * @module
 */

import type { MessagePipe, PipeReceiver } from "./pipe.ts";

/** Makes a connected pair. Messages are copied, as a network would, and arrive in a later microtask. */
export function createMemoryPipes(): [MessagePipe, MessagePipe] {
  const left = new MemoryPipe();
  const right = new MemoryPipe();
  left.connect(right);
  right.connect(left);
  return [left, right];
}

interface End {
  readonly code: number;
  readonly reason: string;
}

type Item = { readonly message: Uint8Array } | End;

class MemoryPipe implements MessagePipe {
  #peer: MemoryPipe | undefined;
  #receiver: PipeReceiver | undefined;
  /** What the peer sent and this end has not delivered yet. */
  readonly #inbox: Item[] = [];
  #inboxBytes = 0;
  #isScheduled = false;
  #end: End | undefined;

  connect(peer: MemoryPipe): void {
    this.#peer = peer;
  }

  open(receiver: PipeReceiver): void {
    const isFirst = this.#receiver === undefined;
    this.#receiver = receiver;
    if (isFirst && this.#end !== undefined) this.#tellEnd(this.#end);
    this.#schedule();
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#end === undefined) this.#peer?.accept({ message: message.slice() });
  }

  get bufferedAmount(): number {
    return this.#peer === undefined ? 0 : this.#peer.#inboxBytes;
  }

  close(code: number, reason: string): void {
    this.#endBoth({ code, reason });
  }

  terminate(): void {
    this.#endBoth({ code: 1006, reason: "" });
  }

  #endBoth(end: End): void {
    if (this.#end !== undefined) return;
    this.#peer?.accept(end);
    this.#endHere(end);
  }

  #endHere(end: End): void {
    this.#end = end;
    this.#inbox.length = 0;
    this.#inboxBytes = 0;
    if (this.#receiver !== undefined) this.#tellEnd(end);
  }

  #tellEnd({ code, reason }: End): void {
    queueMicrotask(() => this.#receiver?.closed(code, reason));
  }

  accept(item: Item): void {
    if (this.#end !== undefined) return;
    this.#inbox.push(item);
    if ("message" in item) this.#inboxBytes += item.message.length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#receiver === undefined || this.#inbox.length === 0) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    for (let item = this.#inbox.shift(); item !== undefined; item = this.#inbox.shift()) {
      if ("message" in item) {
        this.#inboxBytes -= item.message.length;
        this.#receiver?.message(item.message);
      } else {
        this.#endHere(item);
      }
    }
  }
}
