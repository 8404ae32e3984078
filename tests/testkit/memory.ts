/**
 * How much memory a process takes, as the kernel counts it. Linux only.
 *
 * @module
 */

/** Resident memory of a process. */
export interface ProcessMemory {
  readonly residentBytes: number;
  /** The most it ever was. */
  readonly peakResidentBytes: number;
}

/** Whether {@linkcode readMemory} works here; a test that needs it is skipped elsewhere. */
export const canReadMemory = Deno.build.os === "linux";

/**
 * Reads the resident memory of a running process.
 *
 * @throws {Error} When there is no such process.
 */
export async function readMemory(pid: number): Promise<ProcessMemory> {
  // Deno opens files below /proc only with all permissions; the tests have the one to run programs.
  const { success, stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`], stderr: "null" }).output();
  if (!success) throw new Error(`Cannot read memory: there is no process ${pid}`);
  const status = new TextDecoder().decode(stdout);
  return { residentBytes: field(status, "VmRSS"), peakResidentBytes: field(status, "VmHWM") };
}

function field(status: string, name: string): number {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`Cannot read memory: the process has no ${name}`);
  return Number(kibibytes) * 1024;
}
