/**
 * The thread of `sqlite_checkpoints.ts`. Gets the path of a database, makes a checkpoint, and answers with null, or with why it could not.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { parentPort } from "node:worker_threads";
import { reasonOf } from "./errors.ts";

parentPort?.on("message", (path: string) => {
  let reason: string | null = null;
  try {
    const database = new DatabaseSync(path);
    try {
      // Passive: neither readers nor writers wait for it.
      database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    } finally {
      database.close();
    }
  } catch (error) {
    reason = reasonOf(error);
  }
  parentPort?.postMessage(reason);
});
