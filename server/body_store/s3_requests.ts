/**
 * Signed requests to an S3 bucket: with a time limit, repeated a few times where that can help, and with errors that name what S3 said.
 *
 * @module
 */

import { AwsClient } from "aws4fetch";
import { bodyStoreUnavailable } from "./store_error.ts";

/** A bucket, and who may use it. */
export interface S3Bucket {
  /** `http:` or `https:` URL of the service, without the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** How requests are made. */
export interface S3RequestOptions {
  /** Until there is an answer, in milliseconds. */
  readonly timeoutMs: number;
  /** How often a request is sent at most. */
  readonly maxAttempts: number;
}

/** One request. */
export interface S3Request {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Name of the object; the bucket itself when absent. */
  readonly object?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** S3 does not do what was asked. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly status: number;
  /** S3's word, `NoSuchKey` and the like; empty when there was none. */
  readonly code: string;

  constructor(status: number, code: string) {
    super(`S3 answered ${status} ${code}`.trimEnd());
    this.status = status;
    this.code = code;
  }
}

const FIRST_DELAY_MS = 100;
const MAX_ERROR_LENGTH = 64 * 1024;
/** Far more than a page of a list has. */
const MAX_TEXT_LENGTH = 4 * 1024 * 1024;

/** Sends requests to one bucket. */
export class S3Requests {
  readonly #client: AwsClient;
  readonly #base: string;
  readonly #options: S3RequestOptions;

  constructor({ endpoint, bucket, region, accessKeyId, secretAccessKey }: S3Bucket, options: S3RequestOptions) {
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3" });
    this.#base = `${endpoint.replace(/\/+$/, "")}/${encodeURIComponent(bucket)}`;
    this.#options = options;
  }

  /**
   * Sends a request until it is answered with success.
   *
   * @param action What it is for, as in "store body".
   * @throws {S3Error} when S3 refuses it. The caller's business is what that means.
   * @throws {RelayError} `body_store_unavailable` when S3 cannot be reached, is too slow, or fails.
   * @throws The signal's reason.
   */
  async send(action: string, request: S3Request): Promise<Response> {
    for (let attempt = 1;; attempt++) {
      const failure = await this.#attempt(request);
      if (failure instanceof Response) return failure;
      request.signal?.throwIfAborted();
      const isRefused = failure instanceof S3Error && failure.status < 500 && failure.status !== 429;
      if (isRefused) throw failure;
      if (attempt >= this.#options.maxAttempts) throw bodyStoreUnavailable(action, failure);
      // Those who failed together must not come back together.
      await sleep(FIRST_DELAY_MS * 2 ** (attempt - 1) * (0.5 + Math.random()), request.signal);
    }
  }

  /**
   * Sends a request until it is answered with success, and reads the answer, each piece of which may take as long as its beginning.
   *
   * @throws As {@link send} does; also `body_store_unavailable` when the answer stalls, breaks off or does not end.
   */
  async sendForText(action: string, request: S3Request): Promise<string> {
    const { body } = await this.send(action, request);
    try {
      const text = await readText(body, { timeoutMs: this.#options.timeoutMs, maxLength: MAX_TEXT_LENGTH });
      if (text.length > MAX_TEXT_LENGTH) throw new Error("S3 answers without end");
      return text;
    } catch (error) {
      request.signal?.throwIfAborted();
      throw bodyStoreUnavailable(action, error);
    }
  }

  async #attempt({ method, object, query = {}, body, signal }: S3Request): Promise<Response | unknown> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error("S3 does not answer")), this.#options.timeoutMs);
    try {
      const url = new URL(object === undefined ? this.#base : `${this.#base}/${encodePath(object)}`);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      const signed = await this.#client.sign(url, {
        method,
        ...(body === undefined ? {} : { body }),
        headers: { "accept-encoding": "identity" },
        signal: signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]),
      });
      const response = await fetch(signed, { redirect: "manual" });
      if (response.ok) return response;
      const { timeoutMs } = this.#options;
      const text = await readText(response.body, { timeoutMs, maxLength: MAX_ERROR_LENGTH });
      return new S3Error(response.status, textOf(text, "Code") ?? "");
    } catch (error) {
      return error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The text of the first element with that name in an XML document. */
export function textOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(lt|gt|quot|apos|amp|#\d+|#x[0-9a-f]+);/gi, (_, entity: string) => decodeEntity(entity));
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decodeEntity(entity: string): string {
  if (!entity.startsWith("#")) return ENTITIES[entity.toLowerCase()] ?? "";
  const isHex = /^#x/i.test(entity);
  return String.fromCodePoint(parseInt(entity.slice(isHex ? 2 : 1), isHex ? 16 : 10));
}

function encodePath(object: string): string {
  return object.split("/").map(encodeURIComponent).join("/");
}

/** Reads text whose pieces may each take `timeoutMs`; of more than `maxLength` characters only the beginning, which is longer than that. */
async function readText(
  body: ReadableStream<Uint8Array> | null,
  { timeoutMs, maxLength }: { readonly timeoutMs: number; readonly maxLength: number },
): Promise<string> {
  const reader = (body ?? ReadableStream.from<Uint8Array>([])).getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (text.length <= maxLength) {
      const { done, value } = await within(timeoutMs, reader.read());
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    return text;
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("S3 does not answer to the end")), timeoutMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, ms);
    function aborted() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
