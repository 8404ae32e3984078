/**
 * The connector's executable.
 *
 * @module
 */

import { runCli, systemIo } from "../shared/cli/mod.ts";
import { giveUpPermissions } from "./cli/confine.ts";
import { connectorProgram } from "./cli/program.ts";
import { createConnector } from "./connector.ts";

Deno.exit(await runCli(connectorProgram({ createConnector, confine: giveUpPermissions }), Deno.args, systemIo()));
