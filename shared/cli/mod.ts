/**
 * The command-line framework of both programs.
 *
 * @module
 */

export {
  type Command,
  type CommandCall,
  type CommandOption,
  invocationOf,
  type Program,
  type ProgramConfig,
  UsageError,
} from "./command.ts";
export { type Io, type Output, systemIo, writeSecret } from "./io.ts";
export { EXIT, runCli } from "./run_cli.ts";
export { logTo, runService, type Service } from "./run_service.ts";
