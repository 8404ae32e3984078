import assert from "node:assert/strict";
import { createSampleTarget, GREETING } from "./sample_target.ts";

const app = createSampleTarget();

Deno.test("createSampleTarget() says on its page whether the request was relayed", async () => {
  assert.match(await (await app.request("/")).text(), /nobody relayed it/);
  const headers = { Via: "1.1 <relay>", "X-Forwarded-Host": "relay.example" };
  assert.match(
    await (await app.request("/", { headers })).text(),
    /relay\.example<\/b> and relayed .*1\.1 &lt;relay&gt;/,
  );
});

Deno.test("createSampleTarget() greets, and says who passed the request on", async () => {
  const response = await app.request("/hello", { headers: { Via: "1.1 relay" } });
  assert.deepEqual(await response.json(), { message: GREETING, via: "1.1 relay" });
});

Deno.test("createSampleTarget() sends compressed text", async () => {
  const response = await app.request("/gzip");
  assert.equal(response.headers.get("Content-Encoding"), "gzip");
  const text = await new Response(response.body!.pipeThrough(new DecompressionStream("gzip"))).text();
  assert.match(text, /^Hello from the sample target, compressed/);
});

Deno.test("createSampleTarget() sends an event at once, and ends when the client leaves", async () => {
  const reader = (await app.request("/events")).body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await reader.read()).value!, /^data: \d{4}-.*\nid: 1\n\n$/);
  await reader.cancel();
});

Deno.test("createSampleTarget() sends exactly the bytes asked for", async () => {
  for (const [size, bytes] of [["0", 0], ["1", 1], ["64KiB", 65_536], ["65537", 65_537], ["1MiB", 1 << 20]] as const) {
    const response = await app.request(`/download?size=${size}`);
    assert.equal(response.headers.get("Content-Length"), String(bytes));
    assert.equal((await response.bytes()).length, bytes);
  }
});

Deno.test("createSampleTarget() refuses to send more than 1 GiB or a size that is none", async () => {
  for (const size of ["1073741825", "2GiB", "much", "-1", ""]) {
    assert.equal((await app.request(`/download?size=${size}`)).status, 400, size);
  }
});

Deno.test("createSampleTarget() counts the bytes of an upload", async () => {
  const upload = async (init: RequestInit) => await (await app.request("/upload", { method: "POST", ...init })).json();
  assert.deepEqual(await upload({ body: new Uint8Array(100_000) }), { bytes: 100_000 });
  assert.deepEqual(await upload({}), { bytes: 0 });
});

Deno.test("createSampleTarget() answers with the status asked for", async () => {
  for (const status of [200, 204, 304, 418, 503, 599]) {
    const response = await app.request(`/status/${status}`);
    assert.equal(response.status, status);
    await response.body?.cancel();
  }
  assert.equal((await app.request("/status/101")).status, 404);
});
