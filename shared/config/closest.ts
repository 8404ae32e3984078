/**
 * "Did you mean": the known word that a mistyped one is nearest to.
 *
 * @module
 */

/**
 * Finds the word that somebody probably meant.
 *
 * @param word What was written.
 * @param known What could have been written.
 * @returns The nearest known word, or `undefined` when none is near: two letters or a third of them apart.
 */
export function closest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(Math.max(2, Math.floor(word.length / 3)), word.length - 1) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * The message for a word that means nothing.
 *
 * @param thing What it should have been, such as `key`.
 * @param options The word, what could have been written, and what stands before both when they are shown.
 * @returns `Unknown THING`, with the nearest known word when there is one.
 */
export function unknown(
  thing: string,
  { word, known, start = "" }: { word: string; known: Iterable<string>; start?: string },
): string {
  const meant = closest(word, known);
  return meant === undefined ? `Unknown ${thing}` : `Unknown ${thing}, did you mean ${start}${meant}?`;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, replaced));
    }
    previous = current;
  }
  return previous[b.length]!;
}
