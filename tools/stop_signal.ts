/**
 * How a tool hears that it is to end.
 *
 * @module
 */

/**
 * Takes Ctrl+C, SIGTERM and the end of the terminal from now on, so that what a tool holds can be disposed before it ends.
 *
 * @returns Aborted at the first of them.
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, () => stop.abort(new Error("Stopped")));
  return stop.signal;
}
