/**
 * A body store in an S3 bucket, at Amazon or anybody else's who speaks S3.
 *
 * A body that fits into one part is one PUT; a larger one is a multipart upload, of which one part at a time is in memory. S3 shows an object
 * only when it is complete. What a crash leaves of a multipart upload is the bucket's to remove, by a lifecycle rule.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { Blocks } from "./blocks.ts";
import { checkBodyKey, isBodyKey } from "./body_key.ts";
import type { BodyStore, PutOptions, StoredBody } from "./body_store.ts";
import { readBody } from "./read_body.ts";
import { type S3Bucket, S3Error, type S3Request, type S3RequestOptions, S3Requests, textOf } from "./s3_requests.ts";
import { bodyStoreUnavailable } from "./store_error.ts";

/** S3 takes parts from 5 MiB and at most 10,000 of them. */
const PART_BYTES = 8 * 1024 * 1024;
const MAX_PARTS = 10_000;

/** Where bodies are kept. */
export interface S3BodyStoreOptions extends S3Bucket, Partial<S3RequestOptions> {
  /** Before every key, for instance `relayserver/`. */
  readonly prefix: string;
}

/** A multipart upload under way. */
interface Upload {
  readonly uploadId: string;
  readonly tags: string[];
}

/** Keeps bodies as objects. */
export class S3BodyStore implements BodyStore {
  readonly #requests: S3Requests;
  readonly #prefix: string;
  readonly #timeoutMs: number;

  constructor({ prefix, timeoutMs = 60_000, maxAttempts = 4, ...bucket }: S3BodyStoreOptions) {
    this.#requests = new S3Requests(bucket, { timeoutMs, maxAttempts });
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
  }

  async put(key: string, body: ReadableStream<Uint8Array>, options: PutOptions = {}): Promise<number> {
    const object = this.#objectOf(key);
    const { signal, lengthBytes = 0 } = options;
    const part = new PartBuffer(Math.max(PART_BYTES, Math.ceil(lengthBytes / MAX_PARTS)));
    let upload: Upload | undefined;
    try {
      const sizeBytes = await readBody(body, options, async (piece) => {
        for (let rest = piece; rest.byteLength > 0;) {
          rest = part.add(rest);
          if (!part.isFull) continue;
          upload ??= await this.#begin(object, signal);
          await this.#sendPart(object, upload, { bytes: part.take(), signal });
        }
      });
      if (upload === undefined) {
        await this.#send("store body", { method: "PUT", object, body: part.take(), signal });
      } else {
        if (part.sizeBytes > 0) await this.#sendPart(object, upload, { bytes: part.take(), signal });
        await this.#complete(object, upload, signal);
      }
      return sizeBytes;
    } catch (error) {
      if (upload !== undefined) await this.#abort(object, upload);
      throw error;
    }
  }

  async open(
    key: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<StoredBody | undefined> {
    const object = this.#objectOf(key);
    try {
      const response = await this.#requests.send("open body", { method: "GET", object, signal });
      const sizeBytes = Number(response.headers.get("content-length") ?? Number.NaN);
      if (!Number.isSafeInteger(sizeBytes)) {
        await response.body?.cancel();
        throw bodyStoreUnavailable("open body", new Error("S3 does not say how long the body is"));
      }
      return { sizeBytes, stream: streamOf(response.body, { sizeBytes, timeoutMs: this.#timeoutMs }) };
    } catch (error) {
      if (error instanceof S3Error && error.code === "NoSuchKey") return undefined;
      throw translate("open body", error);
    }
  }

  async remove(key: string): Promise<void> {
    try {
      const response = await this.#requests.send("remove body", { method: "DELETE", object: this.#objectOf(key) });
      await response.body?.cancel();
    } catch (error) {
      if (error instanceof S3Error && error.code === "NoSuchKey") return;
      throw translate("remove body", error);
    }
  }

  async *keys({ minimumAgeMs }: { readonly minimumAgeMs: number }): AsyncGenerator<string> {
    const before = Date.now() - minimumAgeMs;
    let token: string | undefined;
    do {
      const query = {
        "list-type": "2",
        prefix: this.#prefix,
        ...(token === undefined ? {} : { "continuation-token": token }),
      };
      const xml = await this.#sendForText("list bodies", { method: "GET", query });
      for (const [entry] of xml.matchAll(/<Contents>.*?<\/Contents>/gs)) {
        const key = textOf(entry, "Key")?.slice(this.#prefix.length) ?? "";
        if (isBodyKey(key) && Date.parse(textOf(entry, "LastModified") ?? "") <= before) yield key;
      }
      token = textOf(xml, "IsTruncated") === "true" ? textOf(xml, "NextContinuationToken") : undefined;
    } while (token !== undefined);
  }

  #objectOf(key: string): string {
    return this.#prefix + checkBodyKey(key);
  }

  async #begin(object: string, signal: AbortSignal | undefined): Promise<Upload> {
    const xml = await this.#sendForText("store body", { method: "POST", object, query: { uploads: "" }, signal });
    const uploadId = textOf(xml, "UploadId");
    if (uploadId === undefined) throw bodyStoreUnavailable("store body", new Error("S3 gave no upload id"));
    return { uploadId, tags: [] };
  }

  async #sendPart(
    object: string,
    { uploadId, tags }: Upload,
    { bytes, signal }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    if (tags.length === MAX_PARTS) throw new RelayError("body_too_large", "Cannot store body: S3 takes no more parts");
    const query = { partNumber: String(tags.length + 1), uploadId };
    const response = await this.#send("store body", { method: "PUT", object, query, body: bytes, signal });
    await response.body?.cancel();
    tags.push(response.headers.get("etag") ?? "");
  }

  async #complete(object: string, { uploadId, tags }: Upload, signal: AbortSignal | undefined): Promise<void> {
    const parts = tags.map((tag, index) =>
      `<Part><PartNumber>${index + 1}</PartNumber><ETag>${
        tag.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
      }</ETag></Part>`
    );
    const body = new TextEncoder().encode(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`);
    const xml = await this.#sendForText("store body", { method: "POST", object, query: { uploadId }, body, signal });
    // S3 begins its answer before it knows how it ends.
    if (textOf(xml, "Code") !== undefined || !xml.includes("<CompleteMultipartUploadResult")) {
      throw bodyStoreUnavailable("store body", new S3Error(200, textOf(xml, "Code") ?? ""));
    }
  }

  /** What cannot be removed now is removed by the bucket's lifecycle rule. */
  async #abort(object: string, { uploadId }: Upload): Promise<void> {
    try {
      const response = await this.#requests.send("remove body", { method: "DELETE", object, query: { uploadId } });
      await response.body?.cancel();
    } catch {
      // The error of the put itself is the one that counts.
    }
  }

  async #send(action: string, request: S3Request): Promise<Response> {
    try {
      return await this.#requests.send(action, request);
    } catch (error) {
      throw translate(action, error);
    }
  }

  async #sendForText(action: string, request: S3Request): Promise<string> {
    try {
      return await this.#requests.sendForText(action, request);
    } catch (error) {
      throw translate(action, error);
    }
  }
}

/** Collects pieces until they are a part. */
class PartBuffer {
  readonly #limitBytes: number;
  readonly #blocks = new Blocks();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get sizeBytes(): number {
    return this.#blocks.sizeBytes;
  }

  get isFull(): boolean {
    return this.sizeBytes === this.#limitBytes;
  }

  /** Returns what did not fit. */
  add(piece: Uint8Array): Uint8Array {
    const taken = piece.subarray(0, this.#limitBytes - this.sizeBytes);
    this.#blocks.add(taken);
    return piece.subarray(taken.byteLength);
  }

  take(): Uint8Array<ArrayBuffer> {
    const part = new Uint8Array(this.sizeBytes);
    let offset = 0;
    for (const block of this.#blocks.take()) {
      part.set(block, offset);
      offset += block.byteLength;
    }
    return part;
  }
}

function translate(action: string, error: unknown): unknown {
  return error instanceof S3Error ? bodyStoreUnavailable(action, error) : error;
}

/** S3 may stall or end too soon: neither may hang a reader, or look complete. */
function streamOf(
  source: ReadableStream<Uint8Array> | null,
  { sizeBytes, timeoutMs }: { readonly sizeBytes: number; readonly timeoutMs: number },
): ReadableStream<Uint8Array> {
  const reader = (source ?? ReadableStream.from<Uint8Array>([])).getReader();
  let restBytes = sizeBytes;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const timer = setTimeout(() => reader.cancel().catch(() => {}), timeoutMs);
      try {
        const { done, value } = await reader.read();
        restBytes -= value?.byteLength ?? 0;
        if (restBytes < 0 || (done && restBytes > 0)) throw new Error("S3 gave another length than it said");
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        reader.cancel(error).catch(() => {});
        throw bodyStoreUnavailable("read body", error);
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
