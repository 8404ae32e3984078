/**
 * Writes a request's body as fast as the target takes it.
 *
 * @module
 */

import type { ClientRequest } from "node:http";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { StreamBody } from "../../shared/http/message.ts";

/** A streamed request body on its way to the target. */
export class WebUpload {
  readonly #request: ClientRequest;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #length: number | undefined;
  #waitsForBody = false;
  #stopped = false;
  #finished = false;
  #wake: (() => void) | undefined;

  constructor(request: ClientRequest, body: StreamBody) {
    this.#request = request;
    this.#reader = body.stream.getReader();
    this.#length = body.length;
    request.on("drain", () => this.#wake?.());
  }

  /** Whether the next step is the client's, not the target's. */
  get waitsForBody(): boolean {
    return this.#waitsForBody;
  }

  /**
   * Writes until the body or the call ends.
   *
   * @param onProgress Called after each chunk that was written.
   * @throws {RelayError} what the body failed with; `client_gone` when that is no `RelayError`; `invalid_request` when the body is not as
   * long as announced, which would otherwise put the target's reading of the connection out of step.
   */
  async run(onProgress: () => void): Promise<void> {
    let sizeBytes = 0;
    for (let chunk = await this.#read(); chunk !== undefined; chunk = await this.#read()) {
      sizeBytes += chunk.byteLength;
      if (this.#length !== undefined && sizeBytes > this.#length) throw wrongLength("longer");
      if (chunk.byteLength > 0 && !this.#request.write(chunk)) await this.#drained();
      if (this.#stopped) return;
      onProgress();
    }
    if (this.#stopped) return;
    if (this.#length !== undefined && sizeBytes < this.#length) throw wrongLength("shorter");
    this.#finished = true;
    this.#request.end();
  }

  /** Ends the upload; what was not read of the body is cancelled. */
  stop(reason: unknown): void {
    if (this.#stopped || this.#finished) return;
    this.#stopped = true;
    this.#wake?.();
    // A body that already failed rejects here as well; the failure was or will be reported by `run`.
    this.#reader.cancel(reason).catch(() => {});
  }

  async #read(): Promise<Uint8Array | undefined> {
    this.#waitsForBody = true;
    try {
      const { value } = await this.#reader.read();
      return this.#stopped ? undefined : value;
    } catch (cause) {
      if (cause instanceof RelayError) throw cause;
      throw new RelayError("client_gone", "Cannot send request: its body broke off", { cause });
    } finally {
      this.#waitsForBody = false;
    }
  }

  async #drained(): Promise<void> {
    if (this.#stopped) return;
    await new Promise<void>((resolve) => this.#wake = resolve);
    this.#wake = undefined;
  }
}

function wrongLength(comparison: "longer" | "shorter"): RelayError {
  return new RelayError("invalid_request", `Cannot send request: its body is ${comparison} than announced`);
}
