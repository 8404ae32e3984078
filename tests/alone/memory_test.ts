import assert from "node:assert/strict";
import { bodyOf, upload } from "../testkit/bodies.ts";
import { within } from "../testkit/deadline.ts";
import { canReadMemory, readMemory } from "../testkit/memory.ts";
import { DataFolder, startConnectorProcess, startServerProcess } from "../testkit/programs.ts";
import { startTarget } from "../testkit/target.ts";

const MIB = 1 << 20;
const WARM_UP_BYTES = 50 * MIB;
const SMALL_BYTES = 256 * MIB;
const BODY_BYTES = 1024 * MIB;
/** Buffers that wait for the garbage collector: more while it is short of CPU, but no more with a larger body. */
const GARBAGE_MIB = 128;
/** What four times as many bytes may add to the most that was taken before. */
const ALLOWED_MIB = 64;
/** By HTTP bytes pass faster than V8 collects the buffers of sockets; that levels off, however large the body is. */
const ALLOWED_BY_HTTP_MIB = 128;

/** Reads a body without keeping it. */
async function count(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let sizeBytes = 0;
  for await (const bytes of body ?? []) sizeBytes += bytes.length;
  return sizeBytes;
}

/** A server and a connector, each a program of its own, and a target that takes and gives bodies. */
async function startPrograms() {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await DataFolder.create());
  const tenant = await folder.database.createTenant();
  const target = resources.use(startTarget(async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "POST") return new Response(String(await count(request.body)));
    const size = Number(searchParams.get("size"));
    return new Response(bodyOf(size), { headers: pathname === "/fixed" ? { "content-length": String(size) } : {} });
  }));
  const server = resources.use(await startServerProcess(folder));
  const options = { folder, targets: { web: target.url } };
  const connector = resources.use(await startConnectorProcess(server, tenant, options));
  const kept = resources.move();
  return { tenant, server, connector, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

type Programs = Awaited<ReturnType<typeof startPrograms>>;

/** Sends one body through, and gives how much arrived. */
async function transfer(
  { server, tenant }: Programs,
  { direction, kind }: { readonly direction: string; readonly kind: string },
  sizeBytes: number,
): Promise<number> {
  if (direction === "down") {
    const response = await server.relay(tenant, `web/${kind}?size=${sizeBytes}`);
    assert.equal(response.headers.has("content-length"), kind === "fixed");
    return await count(response.body);
  }
  const path = `/relay/${tenant.name}/web/${kind}`;
  const { body } = await upload(server, path, { sizeBytes, isLengthKnown: kind === "fixed" });
  return Number(new TextDecoder().decode(body));
}

for (const direction of ["down", "up"]) {
  for (const kind of ["fixed", "chunked"]) {
    Deno.test({
      name: `a body of 1 GiB ${direction}, ${kind}, takes no more memory than a small one`,
      ignore: !canReadMemory,
      async fn() {
        await using programs = await startPrograms();
        const way = { direction, kind };
        assert.equal(await transfer(programs, way, WARM_UP_BYTES), WARM_UP_BYTES);
        const pids = { server: programs.server.process.pid, connector: programs.connector.pid };
        const read = async () => ({
          server: await readMemory(pids.server),
          connector: await readMemory(pids.connector),
        });
        const atRest = await read();
        assert.equal(await transfer(programs, way, SMALL_BYTES), SMALL_BYTES);
        const small = await read();
        const large = transfer(programs, way, BODY_BYTES);
        assert.equal(await within(large, { timeoutMs: 120_000, what: "1 GiB" }), BODY_BYTES);
        const peak = await read();
        const allowed = kind === "fixed" ? ALLOWED_BY_HTTP_MIB : ALLOWED_MIB;
        for (const name of ["server", "connector"] as const) {
          const garbageMiB = (small[name].peakResidentBytes - atRest[name].residentBytes) / MIB;
          const addedMiB = (peak[name].peakResidentBytes - small[name].peakResidentBytes) / MIB;
          assert.ok(garbageMiB < GARBAGE_MIB, `${name}: 256 MiB took ${garbageMiB} MiB`);
          assert.ok(addedMiB < allowed, `${name}: 1 GiB took ${addedMiB} MiB more than 256 MiB`);
        }
      },
    });
  }
}
