/**
 * The ways that requests go in every campaign, side by side.
 *
 * @module
 */

import type { AcknowledgeMode } from "../../server/persistence/mod.ts";

/** Requests of one route in one mode. */
export interface Line {
  readonly route: "relay" | "queue";
  readonly mode: AcknowledgeMode;
}

/** All of them. */
export const LINES: readonly Line[] = [
  { route: "relay", mode: "disabled" },
  { route: "relay", mode: "connectorReceived" },
  { route: "relay", mode: "connectorFinished" },
  { route: "relay", mode: "manual" },
  { route: "queue", mode: "connectorReceived" },
  { route: "queue", mode: "connectorFinished" },
  { route: "queue", mode: "manual" },
];

/** The id of a line's request. */
export function requestId({ route, mode }: Line, index: number): string {
  return `${route}-${mode}-${index}`;
}

/** Whether a request belongs to a line. */
export function isOfLine(id: string, { route, mode }: Line): boolean {
  return id.startsWith(`${route}-${mode}-`);
}

/** The mode of a request. */
export function modeOf(id: string): AcknowledgeMode | undefined {
  return LINES.find((line) => isOfLine(id, line))?.mode;
}

const SMALL_BYTES = 100;
/** Above `inlineBodyLimit`: waits in the body store, and travels as a stream. */
const LARGE_BYTES = 20_000;

/** Every other request has a large body. It begins with the request's id. */
export function bodyFor(id: string): string {
  const isLarge = Number(id.slice(id.lastIndexOf("-") + 1)) % 2 === 1;
  return `${id};`.repeat(isLarge ? LARGE_BYTES : SMALL_BYTES).slice(0, isLarge ? LARGE_BYTES : SMALL_BYTES);
}
