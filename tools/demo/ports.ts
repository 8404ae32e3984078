/**
 * Ports for the demo's programs: the usual ones where they are free.
 *
 * @module
 */

const HOSTNAME = "127.0.0.1";

/**
 * Finds a free port for each wanted one: the port itself, else any other.
 *
 * @param wanted Ports by what they are for.
 * @returns Ports under the same names, all different. Somebody else can still take one before it is used.
 */
export function pickPorts<Name extends string>(wanted: Readonly<Record<Name, number>>): Record<Name, number> {
  const listeners: Deno.TcpListener[] = [];
  const reserve = (port: number) => {
    const listener = listen(port);
    listeners.push(listener);
    return listener.addr.port;
  };
  try {
    const names = Object.keys(wanted) as Name[];
    return Object.fromEntries(names.map((name) => [name, reserve(wanted[name])])) as Record<Name, number>;
  } finally {
    listeners.forEach((listener) => listener.close());
  }
}

function listen(port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: HOSTNAME, port });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.PermissionDenied)) throw error;
    return Deno.listen({ hostname: HOSTNAME, port: 0 });
  }
}
