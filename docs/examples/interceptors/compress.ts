/**
 * Compresses texts on their way to clients that can take it, while they flow: nothing is kept in memory.
 *
 * @module
 */

import type { InterceptedResponse, Interceptor } from "../../../server/mod.ts";

export default {
  name: "compress",
  interceptResponse(response) {
    const { body } = response;
    if (body === null || !isWorthIt(response)) return;
    const plain = body instanceof Uint8Array ? new Blob([new Uint8Array(body)]).stream() : body.stream;
    const headers = response.headers.filter(([name]) => !["etag", "accept-ranges"].includes(name.toLowerCase()));
    return {
      headers: [...headers, ["Content-Encoding", "gzip"], ["Vary", "Accept-Encoding"]],
      body: plain.pipeThrough(new CompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>),
    };
  },
} satisfies Interceptor;

function isWorthIt(response: InterceptedResponse): boolean {
  return response.status === 200 && response.header("content-encoding") === undefined &&
    /^text\/|^application\/json/i.test(response.header("content-type") ?? "") &&
    /\bgzip\b/i.test(response.request.header("accept-encoding") ?? "");
}
