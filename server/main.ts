/**
 * The server's executable.
 *
 * @module
 */

import { runCli, systemIo } from "../shared/cli/mod.ts";
import { apiKeyCommands } from "./cli/api_keys.ts";
import { serverProgram } from "./cli/program.ts";
import { tenantCommands } from "./cli/tenants.ts";
import { userCommands } from "./cli/users.ts";
import { createRelayServer } from "./server.ts";

const commands = [...tenantCommands, ...userCommands, ...apiKeyCommands];
const program = serverProgram({ createServer: createRelayServer, commands });
Deno.exit(await runCli(program, Deno.args, systemIo()));
