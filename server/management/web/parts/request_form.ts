/**
 * Requests that are filled in: headers as lines, bodies as text or base64.
 *
 * @module
 */

import { filled, type FormValues } from "../form.ts";

/** The words for the fields. */
export const REQUEST_LABELS = {
  method: "Method",
  target: "Target",
  path: "Path and query",
  headers: "Headers",
  body: "Body",
} as const;

/** Headers as they are shown to be changed. */
export function toHeaderText(headers: readonly { readonly name: string; readonly value: string }[]): string {
  return headers.map(({ name, value }) => `${name}: ${value}`).join("\n");
}

/** What the API takes for what was filled in. */
export function toRequestInput(values: FormValues) {
  const content = values.body ?? "";
  const encoding = values.encoding === "base64" ? "base64" : "text";
  return {
    method: (values.method ?? "").trim(),
    target: (values.target ?? "").trim(),
    path: (values.path ?? "").trim(),
    headers: readHeaders(values.headers),
    body: content === ""
      ? null
      : { encoding, content: encoding === "base64" ? content.replaceAll(/\s/g, "") : content },
  };
}

/** A line without a colon is a name that nobody may have. */
function readHeaders(text: string | undefined): { name: string; value: string }[] {
  const lines = (filled(text) ?? "").split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const [name = "", ...rest] = line.split(":");
    return rest.length === 0 ? { name: line, value: "" } : { name: name.trim(), value: rest.join(":").trim() };
  });
}
