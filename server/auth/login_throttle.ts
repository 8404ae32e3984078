/**
 * Slows down who guesses passwords, and nobody else.
 *
 * - **An account from an address**: after some failures the next attempt must wait, longer with each. Other accounts behind the same address
 *   and the same account elsewhere are not touched.
 * - **An account from everywhere**: after many failures attempts have to wait as well, but not from addresses from which somebody has logged
 *   in to the account before: whoever guesses from everywhere must not lock its owner out.
 * - **All together**: only so many passwords are hashed at a time, and only so many attempts wait for that.
 *
 * Everything is in memory, of this server, and bounded: what was touched longest ago is forgotten first.
 *
 * @module
 */

/** Too many attempts. */
export class ThrottledError extends Error {
  override readonly name = "ThrottledError";
  readonly retryAfterSeconds: number;

  /** @param waitMs After how long the next attempt is taken, in milliseconds. */
  constructor(waitMs: number) {
    super("Cannot log in: too many attempts, try again later");
    this.retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
  }
}

/** Who tries to log in. */
export interface LoginAttempt {
  /** The name that was given, of a user or not. */
  readonly account: string;
  readonly clientAddress: string;
}

/** Limits of a {@link LoginThrottle}. */
export interface LoginThrottleLimits {
  /** Failures of an account from an address that cost nothing yet. */
  readonly freePerAddress: number;
  /** Failures of an account from everywhere that cost nothing yet. */
  readonly freePerAccount: number;
  /** Wait after the first failure that costs something, in milliseconds; it doubles with each. */
  readonly minimumWaitMs: number;
  readonly maximumWaitMs: number;
  /** After this long without an attempt failures are forgotten, in milliseconds. */
  readonly forgetAfterMs: number;
  /** Entries of each kind. */
  readonly maximumEntries: number;
  /** Passwords that are hashed at a time. */
  readonly concurrency: number;
  /** Attempts that wait for it. */
  readonly maximumWaiting: number;
}

const DEFAULT_LIMITS: LoginThrottleLimits = {
  freePerAddress: 5,
  freePerAccount: 50,
  minimumWaitMs: 1_000,
  maximumWaitMs: 300_000,
  forgetAfterMs: 1_800_000,
  maximumEntries: 10_000,
  concurrency: 2,
  maximumWaiting: 64,
};
const LONGEST_ACCOUNT = 200;

interface Failures {
  count: number;
  lastAt: number;
}

/** What {@link LoginThrottle} works with. */
export interface LoginThrottleOptions {
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  readonly limits?: Partial<LoginThrottleLimits>;
}

/** Decides which attempts to log in are made, and when. */
export class LoginThrottle {
  readonly #now: () => number;
  readonly #limits: LoginThrottleLimits;
  readonly #byAddress = new Map<string, Failures>();
  readonly #byAccount = new Map<string, Failures>();
  /** Accounts and addresses from which somebody has logged in. */
  readonly #known = new Map<string, true>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor({ now, limits }: LoginThrottleOptions) {
    this.#now = now;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /**
   * Makes an attempt, when it is its time.
   *
   * @param verify Compares the password. Undefined is a failure.
   * @throws {ThrottledError} When it is not.
   */
  async run<T>(attempt: LoginAttempt, verify: () => Promise<T | undefined>): Promise<T | undefined> {
    const account = attempt.account.slice(0, LONGEST_ACCOUNT).toLowerCase();
    const pair = `${attempt.clientAddress} ${account}`;
    this.#check(pair, account);
    // Counted before it is known, so that many attempts at once are not one.
    this.#fail(this.#byAddress, pair);
    this.#fail(this.#byAccount, account);
    await this.#takePlace();
    let result: T | undefined;
    try {
      result = await verify();
    } catch (error) {
      // Nobody knows whether the password was right, so this is not held against anybody.
      this.#forgive(this.#byAddress, pair);
      this.#forgive(this.#byAccount, account);
      throw error;
    } finally {
      this.#givePlaceBack();
    }
    if (result === undefined) return undefined;
    this.#byAddress.delete(pair);
    this.#forgive(this.#byAccount, account);
    touch(this.#known, pair, true);
    bound(this.#known, this.#limits.maximumEntries);
    return result;
  }

  #check(pair: string, account: string): void {
    const { freePerAddress, freePerAccount } = this.#limits;
    const waitMs = Math.max(
      this.#waitMs(this.#byAddress.get(pair), freePerAddress),
      this.#known.has(pair) ? 0 : this.#waitMs(this.#byAccount.get(account), freePerAccount),
    );
    if (waitMs > 0) throw new ThrottledError(waitMs);
    if (this.#waiting.length >= this.#limits.maximumWaiting) throw new ThrottledError(this.#limits.minimumWaitMs);
  }

  #waitMs(failures: Failures | undefined, free: number): number {
    if (failures === undefined || failures.count < free) return 0;
    const { minimumWaitMs, maximumWaitMs } = this.#limits;
    const fullMs = Math.min(maximumWaitMs, minimumWaitMs * 2 ** Math.min(failures.count - free, 30));
    const now = this.#now();
    // A clock that was set back must not make the wait longer.
    failures.lastAt = Math.min(failures.lastAt, now);
    return failures.lastAt + fullMs - now;
  }

  #fail(entries: Map<string, Failures>, key: string): void {
    const now = this.#now();
    const known = entries.get(key);
    const count = known === undefined || now - known.lastAt >= this.#limits.forgetAfterMs ? 1 : known.count + 1;
    touch(entries, key, { count, lastAt: now });
    bound(entries, this.#limits.maximumEntries);
  }

  #forgive(entries: Map<string, Failures>, key: string): void {
    const known = entries.get(key);
    if (known !== undefined && --known.count <= 0) entries.delete(key);
  }

  async #takePlace(): Promise<void> {
    if (this.#running < this.#limits.concurrency) {
      this.#running++;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** To the next one, if there is one. */
  #givePlaceBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}

/** Makes an entry the newest. */
function touch<T>(entries: Map<string, T>, key: string, value: T): void {
  entries.delete(key);
  entries.set(key, value);
}

function bound(entries: Map<string, unknown>, maximum: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= maximum) return;
    entries.delete(key);
  }
}
