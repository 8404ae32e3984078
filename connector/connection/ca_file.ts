/**
 * The file of `caFile`: whom the connector trusts for its servers.
 *
 * @module
 */

import { ConfigError } from "../../shared/config/config_error.ts";
import { reasonUnreadable } from "../../shared/config/file.ts";
import { certificateProblem } from "../../shared/net/pem.ts";

/**
 * Reads it.
 *
 * @throws {ConfigError} when it cannot be read, or no certificates are in it.
 */
export async function readCaFile(file: string): Promise<string> {
  const text = await read(file);
  const problem = certificateProblem(text);
  if (problem === undefined) return text;
  throw new ConfigError([{ path: "caFile", message: `Cannot use the file: ${problem}` }]);
}

async function read(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    const message = `Cannot read the file: ${reasonUnreadable(cause)}`;
    throw new ConfigError([{ path: "caFile", message }], { cause });
  }
}
