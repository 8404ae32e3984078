/**
 * Bytes that are gathered in memory.
 *
 * @module
 */

const BLOCK_BYTES = 64 * 1024;

/** Copies pieces into few blocks: kept one by one, pieces of one byte would take some hundred times their size. */
export class Blocks {
  #blocks: Uint8Array[] = [];
  #sizeBytes = 0;
  /** Free at the end of the last block. */
  #freeBytes = 0;

  /** How much was added. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Adds a copy of a piece. */
  add(piece: Uint8Array): void {
    for (let rest = piece; rest.byteLength > 0;) {
      const block = this.#blockFor(rest.byteLength);
      const bytes = rest.subarray(0, this.#freeBytes);
      block.set(bytes, block.byteLength - this.#freeBytes);
      this.#freeBytes -= bytes.byteLength;
      this.#sizeBytes += bytes.byteLength;
      rest = rest.subarray(bytes.byteLength);
    }
  }

  /** Gives away what was added, and is empty then. */
  take(): Uint8Array[] {
    const blocks = this.#blocks;
    const last = blocks.pop();
    if (last !== undefined) blocks.push(last.slice(0, last.byteLength - this.#freeBytes));
    this.#blocks = [];
    this.#sizeBytes = this.#freeBytes = 0;
    return blocks;
  }

  /** The last block, when it has room, or a new one, at most as large as all so far when that is more than is needed. */
  #blockFor(neededBytes: number): Uint8Array {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#freeBytes > 0) return last;
    const block = new Uint8Array(Math.max(neededBytes, Math.min(BLOCK_BYTES, this.#sizeBytes)));
    this.#blocks.push(block);
    this.#freeBytes = block.byteLength;
    return block;
  }
}
