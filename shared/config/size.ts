/**
 * Sizes as text: the forms that configuration accepts.
 *
 * @module
 */

const UNIT_BYTES = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]] as const;
const SIZE = /^(\d+(?:\.\d+)?)\s?(KiB|MiB|GiB)?$/i;

/** The forms {@link parseSize} reads, for messages to people. */
export const SIZE_FORMS = 'a number of bytes, or "64KiB", "1MiB", "1GiB"';

/**
 * Reads a size.
 *
 * @param text A number of bytes, or a number with `KiB`, `MiB` or `GiB` in any case (decimals are allowed where whole bytes result).
 * @returns Bytes, a whole number of at least 0.
 * @throws {RangeError} When the text is neither; the message does not repeat it.
 */
export function parseSize(text: string): number {
  const [, amount, unit] = SIZE.exec(text) ?? [];
  const factor = UNIT_BYTES.find(([name]) => name.toLowerCase() === unit?.toLowerCase())?.[1] ?? 1;
  const bytes = Number(amount) * factor;
  if (!Number.isSafeInteger(bytes)) throw new RangeError(`Cannot parse size: expected ${SIZE_FORMS}`);
  return bytes;
}

/**
 * Writes a size in the largest unit that needs no fraction.
 *
 * @param sizeBytes Bytes, a whole number of at least 0.
 * @returns For instance `64KiB`, or `1000` when no unit fits.
 */
export function formatSize(sizeBytes: number): string {
  const unit = UNIT_BYTES.find(([, factor]) => sizeBytes > 0 && sizeBytes % factor === 0);
  return unit ? `${sizeBytes / unit[1]}${unit[0]}` : String(sizeBytes);
}
