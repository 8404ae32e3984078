/**
 * The demo's sample target: a small web application as it could run at a site. It knows nothing of the relay and listens on this machine only.
 *
 * Usage: `deno run --allow-net=127.0.0.1:5000 tools/demo/sample_target.ts 5000`
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { streamSSE } from "hono/streaming";
import { parseSize, SIZE_FORMS } from "../../shared/config/size.ts";

/** What `/hello` says. */
export const GREETING = "Hello from the sample target";

const MAX_DOWNLOAD_BYTES = 2 ** 30;
const CHUNK_BYTES = 64 * 1024;
const EVENT_INTERVAL_MS = 1_000;

/** Statuses whose responses have no body. */
const BODILESS = [204, 205, 304];

/** Makes the application. */
export function createSampleTarget(): Hono {
  const app = new Hono();
  app.get("/", (context) => context.html(page(context)));
  app.get("/hello", (context) => context.json({ message: GREETING, via: context.req.header("Via") ?? null }));
  app.get("/gzip", () => gzipped(`${GREETING}, compressed on its way. `.repeat(20) + "\n"));
  app.get("/events", (context) => countingEvents(context));
  app.get("/download", (context) => download(context));
  app.post("/upload", async (context) => context.json({ bytes: await countBytes(context.req.raw.body) }));
  app.all("/status/:code{[2-5][0-9][0-9]}", (context) => {
    const status = Number(context.req.param("code"));
    return new Response(BODILESS.includes(status) ? null : `Status ${status}\n`, { status });
  });
  return app;
}

// Links are relative, so that they also work below the address that the relay gives the page.
function page({ req }: Context) {
  const via = req.header("Via");
  const way = via === undefined
    ? "This request came here directly, nobody relayed it."
    : html`This request was sent to <b>${req.header("X-Forwarded-Host")}</b> and relayed (<code>Via: ${via}</code>).`;
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>Sample target</title>
      <style>body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
      <h1>Hello from the site</h1>
      <p>This page is served by an application that only its own machine can reach. ${way}</p>
      <ul>
        <li><a href="hello">JSON</a></li>
        <li><a href="gzip">Compressed text</a></li>
        <li><a href="events">Events, one a second</a></li>
        <li><a href="download?size=10MiB" download="download.bin">10 MiB to download</a></li>
        <li><a href="status/418">Another status</a></li>
      </ul>
      <form method="post" action="upload" enctype="multipart/form-data">
        <label>Count the bytes of an upload: <input type="file" name="file" required></label>
        <button>Upload</button>
      </form>
    </html>
  `;
}

function gzipped(text: string): Response {
  const body = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(body, { headers: { "Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip" } });
}

function countingEvents(context: Context): Response {
  return streamSSE(context, async (stream) => {
    for (let id = 1; !stream.aborted; id++) {
      await stream.writeSSE({ id: String(id), data: new Date().toISOString() });
      await stream.sleep(EVENT_INTERVAL_MS);
    }
  });
}

function download(context: Context): Response {
  const sizeBytes = requestedBytes(context.req.query("size") ?? "1MiB");
  if (sizeBytes === undefined) return context.text(`Expected a size of at most 1GiB: ${SIZE_FORMS}\n`, 400);
  return new Response(someBytes(sizeBytes), {
    headers: { "Content-Type": "application/octet-stream", "Content-Length": String(sizeBytes) },
  });
}

function requestedBytes(size: string): number | undefined {
  try {
    const sizeBytes = parseSize(size);
    return sizeBytes <= MAX_DOWNLOAD_BYTES ? sizeBytes : undefined;
  } catch {
    return undefined;
  }
}

/** Produces only what is asked for, so that a slow client costs no memory. */
function someBytes(sizeBytes: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunk = new Uint8Array(CHUNK_BYTES).fill("x".charCodeAt(0));
  let leftBytes = sizeBytes;
  return new ReadableStream({
    pull(controller) {
      if (leftBytes > 0) controller.enqueue(chunk.subarray(0, Math.min(leftBytes, CHUNK_BYTES)));
      leftBytes -= CHUNK_BYTES;
      if (leftBytes <= 0) controller.close();
    },
  }, { highWaterMark: 0 });
}

async function countBytes(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let bytes = 0;
  for await (const chunk of body ?? []) bytes += chunk.length;
  return bytes;
}

if (import.meta.main) {
  const port = Number(Deno.args[0] ?? "5000");
  // What the application sends is to arrive as it is: Deno must not compress it.
  Deno.serve({ hostname: "127.0.0.1", port, automaticCompression: false }, createSampleTarget().fetch);
}
