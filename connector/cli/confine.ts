/**
 * Commands that only read give up the permissions that other commands of the same program have.
 *
 * @module
 */

import type { Command } from "../../shared/cli/mod.ts";

/** Gives up, for the rest of this process, what only installing a service and importing a configuration need. */
export async function giveUpPermissions(): Promise<void> {
  await Deno.permissions.revoke({ name: "write" });
  await Deno.permissions.revoke({ name: "run" });
}

/**
 * A command that gives up permissions before it does anything.
 *
 * @param confine {@linkcode giveUpPermissions}, or nothing where the process is not the command's own.
 */
export function confined<C>(command: Command<C>, confine: () => Promise<void> | void): Command<C> {
  return {
    ...command,
    async run(call) {
      await confine();
      return await command.run(call);
    },
  };
}
