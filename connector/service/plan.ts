/**
 * What has to be done to a machine so that the connector runs there as a service: files and commands, known before anything is touched.
 *
 * @module
 */

/** A file to write. */
export interface PlannedFile {
  readonly path: string;
  readonly content: string;
  /** Windows reads its task definitions in UTF-16. */
  readonly encoding?: "utf-16le";
}

/** A command to run. */
export interface PlannedCommand {
  /** The program by its path, and its arguments. */
  readonly argv: readonly [string, ...string[]];
  /** Exit codes that are as good as 0, such as that of `useradd` for a user that exists. */
  readonly goodCodes?: readonly number[];
}

/** What is done, in this order. */
export interface ServicePlan {
  readonly folders: readonly string[];
  readonly files: readonly PlannedFile[];
  readonly commands: readonly PlannedCommand[];
  /** Files to remove at the end. */
  readonly removed: readonly string[];
  /** What a person should know afterwards. */
  readonly notes: readonly string[];
}

/** What a service runs. */
export interface ServiceOptions {
  /** The program by its path, and its arguments before the command. */
  readonly program: readonly [string, ...string[]];
  /** The configuration file by its path. The service works in its folder, which relative paths in it are meant from. */
  readonly configFile: string;
}

/** How one operating system runs services. */
export interface ServicePlatform {
  /** Says why these files cannot be used, if they cannot. */
  fault(options: ServiceOptions): string | undefined;
  install(options: ServiceOptions): ServicePlan;
  uninstall(): ServicePlan;
  /** Prints the state of the service; exit code 0 when it runs. */
  readonly status: PlannedCommand;
  /** The file that shows that the service is installed. */
  readonly definitionFile: string;
}
