/**
 * A statement for many items at a time.
 *
 * @module
 */

import type { CompiledQuery } from "kysely";
import { chunks } from "./chunks.ts";
import type { Database } from "./schema.ts";

/** What a {@link BulkStatement} says. */
export interface BulkStatementOptions<T> {
  /** Compiles the statement for items. It must be the same for all lists of that length, but for its parameters. */
  readonly compile: (items: readonly T[]) => CompiledQuery;
  /** Appends the parameters that stand for an item, in the order of the statement's: a list for each item would take longer. */
  readonly appendValues: (values: unknown[], item: T) => void;
}

/** Building a statement for many items costs more than running it, so those that were built are used again, by their number of items. */
export class BulkStatement<T> {
  readonly #db: Database;
  readonly #options: BulkStatementOptions<T>;
  readonly #compiled = new Map<number, CompiledQuery>();

  /** @param db A migrated database. */
  constructor(db: Database, options: BulkStatementOptions<T>) {
    this.#db = db;
    this.#options = options;
  }

  /** Runs it for all items or none: in a transaction where one statement does not do. */
  async run(items: readonly T[]): Promise<void> {
    const [first, ...others] = chunks(items);
    if (first === undefined) return;
    if (others.length === 0) return await this.#runOn(this.#db, first);
    await this.#db.transaction().execute(async (transaction) => {
      for (const some of [first, ...others]) await this.#runOn(transaction, some);
    });
  }

  async #runOn(db: Database, items: readonly T[]): Promise<void> {
    const { compile, appendValues } = this.#options;
    let statement = this.#compiled.get(items.length);
    if (statement === undefined) {
      statement = compile(items);
      this.#compiled.set(items.length, statement);
    }
    const parameters: unknown[] = [];
    for (const item of items) appendValues(parameters, item);
    await db.executeQuery({ ...statement, parameters });
  }
}
