/**
 * The connector's executable.
 *
 * @module
 */

import { runCli, systemIo } from "../shared/cli/mod.ts";
import { connectorProgram } from "./cli/program.ts";
import { createConnector } from "./connector.ts";

Deno.exit(await runCli(connectorProgram({ createConnector }), Deno.args, systemIo()));
