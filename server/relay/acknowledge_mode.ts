/**
 * Which acknowledge mode holds for a request.
 *
 * @module
 */

import type { AcknowledgeMode } from "../persistence/schema.ts";

/** Modes whose requests are stored. */
export type StoredMode = "connectorFinished" | "manual";

/**
 * The mode that holds, as in RelayServer v3: where connectors take only so many requests at a time, one is settled when it has made room.
 *
 * @param mode What is configured.
 */
export function effectiveMode(
  mode: AcknowledgeMode,
  { maximumConcurrentConnectorRequests }: { readonly maximumConcurrentConnectorRequests: number },
): AcknowledgeMode {
  return maximumConcurrentConnectorRequests > 0 && !isStored(mode) ? "connectorFinished" : mode;
}

/** Whether requests of this mode are stored before they are delivered, so that they outlive this origin. */
export function isStored(mode: AcknowledgeMode): mode is StoredMode {
  return mode === "connectorFinished" || mode === "manual";
}
