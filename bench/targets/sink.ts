/**
 * The second target, a program: swallows what is posted to it and tells its size, and sends server-sent events for ever.
 *
 * @module
 */

const event = new TextEncoder().encode(`data: {"time":"2026-01-01T00:00:00.000Z","text":"${"x".repeat(50)}"}\n\n`);

async function swallow(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let sizeBytes = 0;
  for await (const bytes of body ?? []) sizeBytes += bytes.length;
  return sizeBytes;
}

function events(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(event) }, { highWaterMark: 0 });
}

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
  if (request.method === "POST") return new Response(String(await swallow(request.body)));
  return new Response(events(), { headers: { "content-type": "text/event-stream" } });
});
await Deno.stdout.write(new TextEncoder().encode(`port ${server.addr.port}\n`));
