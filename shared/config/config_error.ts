/**
 * What is thrown for a configuration that cannot be used: every problem at once.
 *
 * @module
 */

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** The key's path with dots, the name of an environment variable that means no key, or a file's name. */
  readonly path: string;
  /** What is expected; never contains a value. */
  readonly message: string;
  /** Where the value came from: a file, an environment variable, a flag. Absent when nothing gave it. */
  readonly source?: string;
}

/** A configuration has problems; all of them are in `problems`, and one line for each in the message. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(formatProblem).join("\n"), options);
    this.problems = problems;
  }
}

/** One line: `path: message (from source)`. */
export function formatProblem({ path, message, source }: ConfigProblem): string {
  return `${path}: ${message}${source === undefined || source === path ? "" : ` (from ${source})`}`;
}
