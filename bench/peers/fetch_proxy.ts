/**
 * A reverse proxy in one process, `Deno.serve` and `fetch`, as one would write it in a minute: the program of the peer `fetch`.
 *
 * @module
 */

const target = `http://127.0.0.1:${Number(Deno.args[0])}`;

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
  const { pathname, search } = new URL(request.url);
  const { method, headers, body } = request;
  const response = await fetch(target + pathname + search, { method, headers, body, redirect: "manual" });
  return new Response(response.body, { status: response.status, headers: response.headers });
});
await Deno.stdout.write(new TextEncoder().encode(`port ${server.addr.port}\n`));
