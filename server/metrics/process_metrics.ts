/**
 * Metrics of the process. The names after `relay_` are those that Prometheus' own clients use.
 *
 * @module
 */

import process from "node:process";
import { Counter, Gauge, type Registry } from "prom-client";

/** Adds metrics of this process to a registry. */
export function registerProcessMetrics(registry: Registry, { version }: { readonly version: string }): void {
  const registers = [registry];
  new Gauge({
    name: "relay_build_info",
    help: "Always 1; the labels say which program this is",
    labelNames: ["version", "deno"],
    registers,
  }).set({ version, deno: Deno.version.deno }, 1);
  new Gauge({
    name: "relay_process_start_time_seconds",
    help: "When this server was made, in seconds since 1970",
    registers,
  }).set(Date.now() / 1_000);
  new Gauge({
    name: "relay_process_resident_memory_bytes",
    help: "Memory of the process",
    registers,
    collect() {
      this.set(Deno.memoryUsage().rss);
    },
  });
  new Gauge({
    name: "relay_process_heap_bytes",
    help: "JavaScript objects, as of the last garbage collection and what came since",
    registers,
    collect() {
      this.set(Deno.memoryUsage().heapUsed);
    },
  });
  new Counter({
    name: "relay_process_cpu_seconds_total",
    help: "Processor time of the process, user and system",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1_000_000);
    },
  });
}
