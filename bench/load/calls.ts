/**
 * Calls of one program, each followed by the next as soon as it is answered. Whoever measures asks for them over HTTP, so that a program that has
 * warmed up can take its turn again and again.
 *
 * @module
 */

/** How many calls at a time, and for how long. */
export interface CallLoad {
  readonly inFlight: number;
  readonly seconds: number;
}

/** What was found of calls. */
export interface CallResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
}

/** Prints `port N`, and makes calls for whoever posts a {@linkcode CallLoad} there: the answer is a {@linkcode CallResult}. */
export function serveCalls(call: () => Promise<void>): void {
  const onListen = ({ port }: Deno.NetAddr) => void Deno.stdout.write(new TextEncoder().encode(`port ${port}\n`));
  Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, async (request) => {
    return Response.json(await makeCalls(call, await request.json()));
  });
}

async function makeCalls(call: () => Promise<void>, { inFlight, seconds }: CallLoad): Promise<CallResult> {
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const durationsMs: number[] = [];
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (performance.now() < endMs) {
      const callMs = performance.now();
      await call();
      durationsMs.push(performance.now() - callMs);
    }
  }));
  const tookMs = performance.now() - startMs;
  const p50Ms = durationsMs.toSorted((a, b) => a - b)[Math.floor(durationsMs.length / 2)] ?? NaN;
  const requests = durationsMs.length;
  return { requests, requestsPerSecond: requests / tookMs * 1000, p50Us: p50Ms * 1000 };
}
