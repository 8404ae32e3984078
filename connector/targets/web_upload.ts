/**
 * Writes a request's body as fast as the target takes it.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { StreamBody } from "../../shared/http/message.ts";

/** Where a body is written to. */
export interface UploadSink {
  /** Returns a promise where the next part has to wait. It resolves when there is room, and also when the connection is closed. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** The body is complete. */
  end(): void;
}

/** A streamed request body on its way to the target. */
export class WebUpload {
  readonly #sink: UploadSink;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #length: number | undefined;
  #waitsForBody = false;
  #stopped = false;
  #finished = false;

  constructor(sink: UploadSink, body: StreamBody) {
    this.#sink = sink;
    this.#reader = body.stream.getReader();
    this.#length = body.length;
  }

  /** Whether the whole body was written. */
  get isFinished(): boolean {
    return this.#finished;
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
      if (chunk.byteLength > 0) await this.#sink.write(chunk);
      if (this.#stopped) return;
      onProgress();
    }
    if (this.#stopped) return;
    if (this.#length !== undefined && sizeBytes < this.#length) throw wrongLength("shorter");
    this.#finished = true;
    this.#sink.end();
  }

  /** Ends the upload; what was not read of the body is cancelled. */
  stop(reason: unknown): void {
    if (this.#stopped || this.#finished) return;
    this.#stopped = true;
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
}

function wrongLength(comparison: "longer" | "shorter"): RelayError {
  return new RelayError("invalid_request", `Cannot send request: its body is ${comparison} than announced`);
}
