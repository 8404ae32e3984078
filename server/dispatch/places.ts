/**
 * Shares a limited number of places out to tenants, so that no tenant can take them all.
 *
 * @module
 */

/**
 * A tenant may take at most so many times what is still free. A busy tenant therefore always leaves some places over (a fifth, when it is
 * alone), another one finds room at once, and with every place given back the shares come closer to each other. Nobody has to know how many
 * tenants there are (the dynamic thresholds of Choudhury and Hahne, 1998).
 */
const SHARE_OF_FREE = 4;

/** How many places there are. */
export interface PlaceLimits {
  readonly total: number;
  /** For one tenant, however much is free; without it only the share counts. */
  readonly perTenant?: number;
}

/** Counts who has how many places. */
export class Places {
  readonly #total: number;
  readonly #perTenant: number;
  /** By tenant id; a tenant stays when it has none, which is cheaper than coming and going. */
  readonly #takenBy = new Map<string, number>();
  #taken = 0;

  constructor({ total, perTenant = Infinity }: PlaceLimits) {
    this.#total = total;
    this.#perTenant = perTenant;
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether a tenant may take another place. */
  hasRoom(tenantId: string): boolean {
    const ofTenant = this.#takenBy.get(tenantId) ?? 0;
    return ofTenant < this.#perTenant && ofTenant < SHARE_OF_FREE * (this.#total - this.#taken);
  }

  /** Takes a place; ask {@linkcode hasRoom} before, and follow with exactly one {@linkcode giveBack}. */
  take(tenantId: string): void {
    this.#takenBy.set(tenantId, (this.#takenBy.get(tenantId) ?? 0) + 1);
    this.#taken++;
  }

  /** Gives a place back. */
  giveBack(tenantId: string): void {
    this.#takenBy.set(tenantId, this.#takenBy.get(tenantId)! - 1);
    this.#taken--;
  }
}
