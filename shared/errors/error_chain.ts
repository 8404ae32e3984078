/**
 * Looks through an error at what caused it.
 *
 * @module
 */

const MAX_DEPTH = 6;

/** The codes and names of an error and of what caused it. */
export function codesOf(error: unknown): string[] {
  return chainOf(error).flatMap((each) =>
    "code" in each && typeof each.code === "string" ? [each.code, each.name] : [each.name]
  );
}

/** An error, what caused it, and what caused that; of several at once each. */
export function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let each = error; each instanceof Error && chain.length < MAX_DEPTH; each = each.cause) chain.push(each);
  // Several addresses were tried.
  return chain.flatMap((each) =>
    each instanceof AggregateError ? [each, ...each.errors.filter((inner) => inner instanceof Error)] : [each]
  );
}
