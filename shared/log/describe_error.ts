/**
 * An error in words, with what caused it.
 *
 * @module
 */

/** `Name: message`, followed by those of its causes after `; caused by`. */
export function describeError(error: unknown): string {
  return causes(error).map((each) => each instanceof Error ? `${each.name}: ${each.message}` : String(each)).join(
    "; caused by ",
  );
}

/** The messages of an error and of its causes, for people: without the names of classes, and none that an earlier one contains. */
export function explainError(error: unknown): string {
  const messages = causes(error).map((each) => each instanceof Error ? each.message || each.name : String(each));
  return messages.filter((message, index) => !messages.slice(0, index).some((earlier) => earlier.includes(message)))
    .join(": ");
}

/** Why a module cannot be loaded, on one line: without the excerpt of its source, which stands between the reason and the place. */
export function explainImportError(error: unknown): string {
  const lines = explainError(error).split("\n").filter((line) => !/^\s*\d*\s*\|/.test(line));
  return lines.map((line) => line.trim()).filter((line) => line !== "").join(" ");
}

/** Causes may form a ring; nobody reads further than a few. */
const MAX_DEPTH = 5;

function causes(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (
    let each = error;
    each !== undefined && chain.length < MAX_DEPTH;
    each = each instanceof Error ? each.cause : undefined
  ) {
    chain.push(each);
  }
  return chain;
}
