/**
 * What is compiled, and for what: the tables of `deno task compile`.
 *
 * @module
 */

/** A program that becomes an executable. */
export interface CompiledProgram {
  readonly name: "connector" | "server";
  /** Path from the project's root. */
  readonly entry: string;
  readonly summary: string;
  /** Modules that run in threads of their own, by their paths from the project's root: nothing imports them. */
  readonly workers: readonly string[];
  /**
   * Permissions that are built in; nothing asks for more. Where programs connect to, and which files they read, only their configuration
   * knows.
   */
  permissions(target: CompileTarget): readonly string[];
}

/** What `service` starts, by its path: a name would be looked up in a `PATH` that services do not always have. */
const SERVICE_MANAGERS: Readonly<Record<string, readonly string[]>> = {
  linux: ["/usr/bin/systemctl", "/usr/sbin/useradd", "/usr/bin/chown", "/usr/bin/chmod"],
  macos: ["/bin/launchctl", "/usr/sbin/sysadminctl", "/usr/sbin/chown", "/bin/chmod"],
  windows: ["C:\\Windows\\System32\\schtasks.exe", "C:\\Windows\\System32\\icacls.exe"],
};

/** Both programs. */
export const PROGRAMS: readonly CompiledProgram[] = [
  {
    name: "connector",
    entry: "connector/main.ts",
    summary: "RelayServer connector",
    workers: [],
    // Writing and the service managers are for `service` and `config import` alone: every other command gives both up when it starts.
    permissions: ({ name }) => [
      "--allow-net",
      "--allow-env",
      "--allow-read",
      "--allow-write",
      `--allow-run=${SERVICE_MANAGERS[name.split("-", 1)[0]!]!.join(",")}`,
      "--allow-sys=hostname,uid",
    ],
  },
  {
    name: "server",
    entry: "server/main.ts",
    summary: "RelayServer",
    workers: ["server/persistence/sqlite_checkpoint_worker.ts"],
    permissions: () => ["--allow-net", "--allow-env", "--allow-read", "--allow-write", "--allow-sys=hostname"],
  },
];

/** A platform: its name for `deno compile`, and the one in names of files. */
export interface CompileTarget {
  readonly triple: string;
  readonly name: string;
  /** What executables end with. */
  readonly suffix: "" | ".exe";
}

/** The platforms that `deno compile` knows. */
export const TARGETS: readonly CompileTarget[] = [
  { triple: "x86_64-unknown-linux-gnu", name: "linux-x64", suffix: "" },
  { triple: "aarch64-unknown-linux-gnu", name: "linux-arm64", suffix: "" },
  { triple: "x86_64-apple-darwin", name: "macos-x64", suffix: "" },
  { triple: "aarch64-apple-darwin", name: "macos-arm64", suffix: "" },
  { triple: "x86_64-pc-windows-msvc", name: "windows-x64", suffix: ".exe" },
];

/** The name of a program's executable, without its folder. */
export function executableName(program: CompiledProgram, target: CompileTarget): string {
  return `relayserver-${program.name}-${target.name}${target.suffix}`;
}

/** The name of the list of what is inside a program. */
export function sbomName(program: CompiledProgram): string {
  return `relayserver-${program.name}.cdx.json`;
}
