/**
 * People's passwords: rules, hashing with scrypt (RFC 7914), verification.
 *
 * What is stored says how it was made (`$scrypt$ln=15,r=8,p=1$SALT$HASH`, the form of the Password Hashing Competition), so that the cost can
 * grow: a password that was hashed more cheaply is hashed anew when it is next used.
 *
 * @module
 */

import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

const MIN_LENGTH = 12;
const MAX_LENGTH = 1_024;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** What is stored must not make a login cost more than this. */
const LIMITS = { logN: 20, r: 32, p: 16 };
const STORED = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,})\$([A-Za-z0-9+/]{43,})$/;

/** How much work a hash is. */
export interface ScryptCost {
  /** Binary logarithm of the number of blocks. */
  readonly logN: number;
  /** Size of a block. */
  readonly r: number;
  /** How often in all. */
  readonly p: number;
}

/** 32 MiB and about 60 ms. */
const PRESENT_COST: ScryptCost = { logN: 15, r: 8, p: 1 };

/** What a comparison with a stored hash gave. */
export interface PasswordMatch {
  readonly matches: boolean;
  /** Whether the hash was made more cheaply than a new one would be. */
  readonly isOutdated: boolean;
}

/**
 * What is wrong with a new password.
 *
 * @returns A sentence that does not repeat it; nothing when it may be used.
 */
export function passwordProblem(password: string): string | undefined {
  const length = [...password].length;
  if (length < MIN_LENGTH) return `Expected at least ${MIN_LENGTH} characters`;
  if (length > MAX_LENGTH) return `Expected at most ${MAX_LENGTH} characters`;
  return new Set(password).size < 5 ? "Expected at least 5 different characters" : undefined;
}

/** A new password: 32 characters that are easy to copy, 160 random bits. */
export function generatePassword(): string {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789";
  return Array.from(randomBytes(32), (byte) => letters[byte % letters.length]).join("");
}

/** Hashes passwords. Its work is done beside the event loop, and takes memory: callers bound how many run at a time. */
export class Passwords {
  readonly #cost: ScryptCost;
  #decoy: Promise<string> | undefined;

  /** @param cost What a new hash costs; only tests want less than the default. */
  constructor(cost: ScryptCost = PRESENT_COST) {
    this.#cost = cost;
  }

  /**
   * Hashes a password.
   *
   * @throws {RangeError} When it breaks the rules of {@link passwordProblem}.
   */
  async hash(password: string): Promise<string> {
    const problem = passwordProblem(password);
    if (problem !== undefined) throw new RangeError(`Cannot use password: ${problem}`);
    return await this.#make(password);
  }

  /**
   * Compares a password with a stored hash.
   *
   * @param stored What {@link hash} gave; without it the comparison takes as long and fails.
   * @throws {Error} When what is stored is no such hash.
   */
  async verify(password: string, stored: string | undefined): Promise<PasswordMatch> {
    const { cost, salt, hash } = parse(stored ?? await this.#decoyHash());
    // A longer one was never taken, and must not cost more.
    const isPossible = password.length <= 4 * MAX_LENGTH;
    const actual = await derive(isPossible ? password : "", salt, { cost, sizeBytes: hash.length });
    const matches = timingSafeEqual(actual, hash) && isPossible && stored !== undefined;
    return { matches, isOutdated: work(cost) < work(this.#cost) };
  }

  #decoyHash(): Promise<string> {
    return this.#decoy ??= this.#make(generatePassword());
  }

  async #make(password: string): Promise<string> {
    const { logN, r, p } = this.#cost;
    const salt = randomBytes(SALT_BYTES);
    const hash = await derive(password, salt, { cost: this.#cost, sizeBytes: HASH_BYTES });
    return `$scrypt$ln=${logN},r=${r},p=${p}$${toText(salt)}$${toText(hash)}`;
  }
}

function parse(stored: string): { cost: ScryptCost; salt: Uint8Array; hash: Uint8Array } {
  const [, logN, r, p, salt = "", hash = ""] = STORED.exec(stored) ?? [];
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  const isWithin = cost.logN >= 1 && cost.logN <= LIMITS.logN && cost.r >= 1 && cost.r <= LIMITS.r && cost.p >= 1 &&
    cost.p <= LIMITS.p;
  if (!isWithin) throw new Error("Cannot verify password: what is stored is not its hash");
  return { cost, salt: Uint8Array.fromBase64(salt), hash: Uint8Array.fromBase64(hash) };
}

function work({ logN, r, p }: ScryptCost): number {
  return 2 ** logN * r * p;
}

/** The same characters may be typed as different code points: RFC 8265 has them made equal. */
function derive(
  password: string,
  salt: Uint8Array,
  { cost, sizeBytes }: { readonly cost: ScryptCost; readonly sizeBytes: number },
): Promise<Uint8Array> {
  const { logN, r, p } = cost;
  const N = 2 ** logN;
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  scrypt(
    password.normalize("NFC"),
    salt,
    sizeBytes,
    { N, r, p, maxmem: 2 * 128 * N * r + 2 * 128 * r * p },
    (error, key) => error === null ? resolve(key) : reject(error),
  );
  return promise;
}

function toText(bytes: Uint8Array): string {
  return new Uint8Array(bytes).toBase64({ omitPadding: true });
}
