/**
 * Gives the busiest of many keys something of their own, and all others one thing together: what keeps the number of time series bounded.
 *
 * @module
 */

/** Keys that are watched for each that can be chosen. */
const CANDIDATES_PER_PLACE = 10;
/** Below that many uses since the last looks a key counts as gone. */
const FORGOTTEN = 0.01;

interface Candidate<T> {
  readonly label: string;
  /** Uses; halved with every {@linkcode Busiest.rebalance}, so that the latest count most. */
  uses: number;
  own: T | undefined;
}

/** What a {@link Busiest} is made with. */
export interface BusiestOptions<T> {
  /** How many keys have something of their own. */
  readonly places: number;
  /** The label of all others. */
  readonly otherLabel: string;
  readonly create: (label: string) => T;
}

/** Keys with something of their own as long as there are places; later, those used most. */
export class Busiest<T> {
  /** What the keys share that have nothing of their own. */
  readonly other: T;
  readonly #places: number;
  readonly #otherLabel: string;
  readonly #create: (label: string) => T;
  readonly #candidates = new Map<string, Candidate<T>>();
  #taken = 0;

  constructor({ places, otherLabel, create }: BusiestOptions<T>) {
    this.#places = places;
    this.#otherLabel = otherLabel;
    this.#create = create;
    this.other = create(otherLabel);
  }

  /** Counts a use of a key, and gives what it has, alone or with others. */
  use(key: string, label: string): T {
    const candidate = this.#candidates.get(key) ?? this.#add(key, label);
    if (candidate === undefined) return this.other;
    candidate.uses++;
    return candidate.own ?? this.other;
  }

  /** What a key has, without counting a use; a new key gets a place when there is one. */
  look(key: string, label: string): T {
    return (this.#candidates.get(key) ?? this.#add(key, label))?.own ?? this.other;
  }

  /** What was given out, and what the others share. */
  *values(): Iterable<T> {
    for (const { own } of this.#candidates.values()) if (own !== undefined) yield own;
    yield this.other;
  }

  /** Gives places to keys that are used at least twice as much as those that have them. To be called now and then. */
  rebalance(): void {
    const waiting = [...this.#candidates.values()].filter(({ own }) => own === undefined).sort(byUses).reverse();
    const placed = [...this.#candidates.values()].filter(({ own }) => own !== undefined).sort(byUses);
    for (const [index, challenger] of waiting.entries()) {
      const weakest = placed[index];
      if (weakest === undefined || challenger.uses <= 2 * weakest.uses) break;
      weakest.own = undefined;
      challenger.own = this.#create(challenger.label);
    }
    for (const [key, candidate] of this.#candidates) {
      candidate.uses /= 2;
      if (candidate.own === undefined && candidate.uses < FORGOTTEN) this.#candidates.delete(key);
    }
  }

  #add(key: string, label: string): Candidate<T> | undefined {
    if (this.#candidates.size >= this.#places * CANDIDATES_PER_PLACE || label === this.#otherLabel) return undefined;
    const hasPlace = this.#taken < this.#places;
    if (hasPlace) this.#taken++;
    const candidate = { label, uses: 0, own: hasPlace ? this.#create(label) : undefined };
    this.#candidates.set(key, candidate);
    return candidate;
  }
}

function byUses(a: Candidate<unknown>, b: Candidate<unknown>): number {
  return a.uses - b.uses;
}
