/**
 * What the tests of the metrics share.
 *
 * @module
 */

import type { MetricSources } from "./sources.ts";

/** One line of the text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the Prometheus text format, for names, labels and values as this server writes them. */
export function parseMetrics(text: string): Sample[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
    const [, name = "", labels = "", value = ""] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === "") throw new Error(`Cannot read metrics: "${line}" is no sample`);
    const pairs = [...labels.matchAll(/([a-z]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    return { name, labels: Object.fromEntries(pairs), value: value === "+Inf" ? Infinity : Number(value) };
  });
}

/** The value of the one sample with that name and those labels. */
export function valueOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const found = parseMetrics(text).filter((sample) =>
    sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
  );
  if (found.length > 1) throw new Error(`Cannot tell ${name}: there are ${found.length} such samples`);
  return found[0]?.value;
}

/** Sources of a server that does nothing. */
export function idleSources(differences: Partial<MetricSources> = {}): MetricSources {
  return {
    isReady: () => true,
    requestsInFlight: () => 0,
    requestsWaiting: () => 0,
    transport: () => ({ state: "ready", peers: 0, links: 0, served: 0 }),
    storedRequests: () => ({ queued: 0, dead: 0, oldestAt: undefined }),
    connections: () => [],
    shedConnections: () => 0,
    isDatabaseUp: () => true,
    isBodyStoreUp: () => true,
    requestLog: () => ({ buffered: 0, written: 0, dropped: 0 }),
    droppedStatistics: () => 0,
    webhooks: () => [],
    maintenance: () => [],
    ...differences,
  };
}
