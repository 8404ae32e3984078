/**
 * Which bodies go by HTTP.
 *
 * @module
 */

/** Below this a connection of its own costs more than it saves, in bytes. */
const AUTO_MINIMUM_BYTES = 1024 * 1024;

/** What connectors are told. */
export function httpBodyMinimumBytes(
  { bodyTransfer, inlineBodyLimit }: {
    readonly bodyTransfer: "auto" | "http" | "websocket";
    readonly inlineBodyLimit: number;
  },
): { readonly httpBodyMinimumBytes?: number } {
  if (bodyTransfer === "websocket") return {};
  const beyondInline = inlineBodyLimit + 1;
  return { httpBodyMinimumBytes: bodyTransfer === "http" ? beyondInline : Math.max(AUTO_MINIMUM_BYTES, beyondInline) };
}
