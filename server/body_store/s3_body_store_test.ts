import assert from "node:assert/strict";
import S3rver from "s3rver";
import { type BodyStoreFixture, testBodyStore } from "./body_store_contract.ts";
import { S3BodyStore } from "./s3_body_store.ts";

const ACCESS = { bucket: "bodies", region: "us-east-1", accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

testBodyStore("s3 body store", startFixture);

/** An S3 server of this process. */
async function startFixture() {
  const directory = await Deno.makeTempDir();
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    directory,
    silent: true,
    configureBuckets: [{ name: ACCESS.bucket, configs: [] }],
  });
  const { port } = await server.run();
  let isClosed = false;
  const lose = async () => {
    if (!isClosed) await server.close();
    isClosed = true;
  };
  const endpoint = `http://127.0.0.1:${port}`;
  const store = new S3BodyStore({ ...ACCESS, endpoint, prefix: "relay/" });
  return {
    store,
    endpoint,
    lose,
    async [Symbol.asyncDispose]() {
      await lose();
      await Deno.remove(directory, { recursive: true });
    },
  } satisfies BodyStoreFixture & { readonly endpoint: string };
}

Deno.test("put() stores a body of several parts", async () => {
  await using fixture = await startFixture();
  const pieces = Array.from({ length: 300 }, (_, index) => new Uint8Array(65_537).fill(index & 0xff));
  const sizeBytes = 300 * 65_537;
  assert.equal(await fixture.store.put("a", ReadableStream.from(pieces.map((piece) => piece.slice()))), sizeBytes);
  const stored = await fixture.store.open("a");
  assert.equal(stored?.sizeBytes, sizeBytes);
  let offset = 0;
  for await (const bytes of stored.stream) {
    for (const byte of bytes) if (byte !== (Math.floor(offset++ / 65_537) & 0xff)) assert.fail(`byte ${offset - 1}`);
  }
  assert.equal(offset, sizeBytes);
});

Deno.test("put() of several parts that breaks off leaves nothing that can be opened", async () => {
  await using fixture = await startFixture();
  let pieces = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pieces++ < 20) controller.enqueue(new Uint8Array(1_000_000));
      else controller.error(new Error("broken off"));
    },
  }, { highWaterMark: 0 });
  await assert.rejects(fixture.store.put("a", body), { message: "broken off" });
  assert.equal(await fixture.store.open("a"), undefined);
});

Deno.test("a bucket that does not exist is body_store_unavailable", async () => {
  await using fixture = await startFixture();
  const store = new S3BodyStore({ ...ACCESS, bucket: "elsewhere", endpoint: fixture.endpoint, prefix: "" });
  const unavailable = { code: "body_store_unavailable" };
  await assert.rejects(store.put("a", ReadableStream.from([new Uint8Array(1)])), unavailable);
  await assert.rejects(store.open("a"), unavailable);
  await assert.rejects(Array.fromAsync(store.keys({ minimumAgeMs: 0 })), unavailable);
});

/** A service that answers what the test says. */
function startService(answer: (attempt: number, request: Request) => Response | Promise<Response>) {
  let attempts = 0;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => answer(++attempts, request),
  );
  const options = { ...ACCESS, endpoint: `http://127.0.0.1:${server.addr.port}`, prefix: "" };
  return { options, attempts: () => attempts, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("requests are repeated when S3 fails or asks to slow down, and not for ever", async () => {
  await using service = startService((attempt) => new Response(null, { status: attempt < 3 ? 503 : 200 }));
  await new S3BodyStore(service.options).put("a", ReadableStream.from([new Uint8Array(1)]));
  assert.equal(service.attempts(), 3);
  await using down = startService(() => new Response(null, { status: 500 }));
  await assert.rejects(new S3BodyStore({ ...down.options, maxAttempts: 2 }).remove("a"), {
    code: "body_store_unavailable",
  });
  assert.equal(down.attempts(), 2);
});

Deno.test("a refused secret is body_store_unavailable, is not tried again, and is not in the error", async () => {
  await using service = startService(() =>
    new Response("<Error><Code>SignatureDoesNotMatch</Code></Error>", { status: 403 })
  );
  const store = new S3BodyStore({ ...service.options, secretAccessKey: "wrong-secret" });
  await assert.rejects(store.open("a"), (error: Error) => {
    assert.equal("code" in error && error.code, "body_store_unavailable");
    assert.ok(!Deno.inspect(error).includes("wrong-secret"));
    return true;
  });
  assert.equal(service.attempts(), 1);
});

Deno.test("S3 that does not answer is body_store_unavailable after the time limit", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  await using service = startService(() => promise);
  const store = new S3BodyStore({ ...service.options, timeoutMs: 50, maxAttempts: 2 });
  await assert.rejects(store.open("a"), { code: "body_store_unavailable" });
  resolve(new Response());
});

Deno.test("an upload that S3 fails to complete is body_store_unavailable, though it answered 200", async () => {
  await using service = startService((_, { method, url }) => {
    if (method === "DELETE") return new Response(null, { status: 204 });
    if (method === "PUT") return new Response(null, { headers: { etag: '"1"' } });
    return new Response(
      url.includes("uploads=")
        ? "<InitiateMultipartUploadResult><UploadId>1&amp;2</UploadId></InitiateMultipartUploadResult>"
        : "<Error><Code>InternalError</Code></Error>",
    );
  });
  const store = new S3BodyStore(service.options);
  await assert.rejects(store.put("a", ReadableStream.from(Array.from({ length: 9 }, () => new Uint8Array(1 << 20)))), {
    code: "body_store_unavailable",
  });
});

Deno.test("a stream from S3 that stalls ends with an error", async () => {
  await using service = startService(() => {
    const stalled = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array(10)) });
    return new Response(stalled, { headers: { "content-length": "100" } });
  });
  const stored = await new S3BodyStore({ ...service.options, timeoutMs: 100 }).open("a");
  await assert.rejects(Array.fromAsync(stored!.stream), { code: "body_store_unavailable" });
});

/** A service for which one kind of request never ends well: its answer begins, and then `breakOff` says what happens. */
function startBreakingService(
  isBroken: (request: Request) => boolean,
  breakOff: (controller: ReadableStreamDefaultController<Uint8Array>) => void,
) {
  return startService((_, request) => {
    if (isBroken(request)) {
      return new Response(
        new ReadableStream<Uint8Array>({
          start: (controller) => controller.enqueue(new TextEncoder().encode("<?xml version='1.0'?>")),
          pull: breakOff,
        }),
        { headers: { "content-length": "100" } },
      );
    }
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    if (request.method === "PUT") return new Response(null, { headers: { etag: '"1"' } });
    return new Response("<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>");
  });
}

const BREAKING: Readonly<Record<string, (request: Request) => boolean>> = {
  "an upload that begins": ({ method, url }) => method === "POST" && url.includes("uploads="),
  "an upload that is completed": ({ method, url }) => method === "POST" && url.includes("uploadId="),
  "a list": ({ method }) => method === "GET",
};

for (const [name, isBroken] of Object.entries(BREAKING)) {
  for (const how of ["stalls", "breaks off"]) {
    Deno.test(`the answer to ${name} that ${how} is body_store_unavailable`, async () => {
      await using service = startBreakingService(
        isBroken,
        (controller) => how === "breaks off" && controller.close(),
      );
      const store = new S3BodyStore({ ...service.options, timeoutMs: 200 });
      const body = ReadableStream.from(Array.from({ length: 9 }, () => new Uint8Array(1 << 20)));
      const outcome = name === "a list" ? Array.fromAsync(store.keys({ minimumAgeMs: 0 })) : store.put("a", body);
      await assert.rejects(outcome, { code: "body_store_unavailable" });
    });
  }
}

Deno.test("put() ends with its signal while S3 completes an upload", async () => {
  const abort = new AbortController();
  await using service = startBreakingService(
    BREAKING["an upload that is completed"]!,
    () => abort.abort(new Error("enough")),
  );
  const body = ReadableStream.from(Array.from({ length: 9 }, () => new Uint8Array(1 << 20)));
  await assert.rejects(new S3BodyStore(service.options).put("a", body, { signal: abort.signal }), {
    message: "enough",
  });
});

Deno.test("a list that does not end is body_store_unavailable", async () => {
  const blanks = new Uint8Array(1 << 20).fill(32);
  await using service = startService(() =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(blanks.slice()) }))
  );
  await assert.rejects(Array.fromAsync(new S3BodyStore(service.options).keys({ minimumAgeMs: 0 })), {
    code: "body_store_unavailable",
  });
});
