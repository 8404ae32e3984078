/**
 * One connection to a target: bytes out, bytes in when they are wanted.
 *
 * @module
 */

/** Enough for most answers, held for as long as the connection lives. */
const LENT_BYTES = 16 * 1024;
/** For bodies that keep coming. */
const LARGE_BYTES = 64 * 1024;

/** Who uses a connection. */
export interface Receiver {
  /**
   * Bytes came. More come only after `read`.
   *
   * @param isLent Whether they are overwritten after this call.
   */
  received(bytes: Uint8Array<ArrayBuffer>, isLent: boolean): void;
  /** The other side has closed; or the connection broke, with an error. */
  ended(error?: unknown): void;
}

/** A TCP connection that belongs to one {@linkcode Receiver} at a time, and to none while it waits for the next. */
export class Connection {
  /** Called once, when it is closed from either side. */
  onClose: (() => void) | undefined;
  readonly #socket: Deno.TcpConn;
  readonly #lent = new Uint8Array(LENT_BYTES);
  #receiver: Receiver | undefined;
  #isReading = false;
  #isDelivering = false;
  #wantsMore = false;
  #wasFull = false;
  #isClosed = false;
  #written: Promise<void> = Promise.resolve();

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Gives the connection to its next user, and reads. */
  attach(receiver: Receiver): void {
    this.#receiver = receiver;
    this.read();
  }

  /** Takes it from its user. Whatever the other side does before the next one comes closes it. */
  detach(): void {
    this.#receiver = undefined;
    this.read();
  }

  /** Reads once, unless it is reading. */
  read(): void {
    if (this.#isDelivering) {
      this.#wantsMore = true;
      return;
    }
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    const isLent = !this.#wasFull;
    const buffer = isLent ? this.#lent : new Uint8Array(LARGE_BYTES);
    this.#socket.read(buffer).then(
      (count) => this.#deliver(count === null ? undefined : buffer.subarray(0, count), isLent),
      (error) => this.#end(error),
    );
  }

  /**
   * Writes all of it, behind what is still being written.
   *
   * @returns Resolves when the kernel has it; rejects when the connection is closed before.
   */
  write(bytes: Uint8Array): Promise<void> {
    return this.#written = this.#written.then(() => this.#writeAll(bytes));
  }

  /** Closes it at once. Its user hears nothing more. */
  close(): void {
    this.#receiver = undefined;
    this.#shut();
  }

  /** Closes it at once; its user hears of it. */
  abort(): void {
    const receiver = this.#receiver;
    this.close();
    receiver?.ended(new Deno.errors.ConnectionAborted("the connection was given up"));
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      rest = rest.subarray(await this.#socket.write(rest));
    }
  }

  #deliver(bytes: Uint8Array<ArrayBuffer> | undefined, isLent: boolean): void {
    this.#isReading = false;
    if (this.#isClosed) return;
    const receiver = this.#receiver;
    if (bytes === undefined) return this.#end();
    // Nobody asked for anything.
    if (receiver === undefined) return this.close();
    this.#wasFull = bytes.length >= LENT_BYTES;
    this.#isDelivering = true;
    this.#wantsMore = false;
    receiver.received(bytes, isLent);
    this.#isDelivering = false;
    if (this.#wantsMore) this.read();
  }

  #end(error?: unknown): void {
    this.#isReading = false;
    if (this.#isClosed) return;
    const receiver = this.#receiver;
    if (receiver === undefined) return this.close();
    // What follows an end is not heard.
    this.#receiver = undefined;
    receiver.ended(error);
    this.#shut();
  }

  #shut(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
    this.onClose?.();
  }
}
