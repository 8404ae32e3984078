/**
 * The server's executable.
 *
 * @module
 */

import { runCli, systemIo } from "../shared/cli/mod.ts";
import { serverProgram } from "./cli/program.ts";
import { tenantCommands } from "./cli/tenants.ts";
import { createRelayServer } from "./server.ts";

const program = serverProgram({ createServer: createRelayServer, commands: tenantCommands });
Deno.exit(await runCli(program, Deno.args, systemIo()));
