/**
 * A RabbitMQ of the run's own, so that nobody else's queues are in the way and none are left behind.
 *
 * @module
 */

import { TestBroker } from "../tests/testkit/rabbitmq.ts";
import { endWithRun } from "./processes.ts";
import { findTool } from "./tools.ts";

/** A running broker. Hold it with `await using`. */
export interface Broker extends AsyncDisposable {
  readonly url: string;
  /** How many queues have a consumer. */
  countConsumedQueues(): Promise<number>;
}

/**
 * Starts a broker.
 *
 * @throws {UnavailableError} When RabbitMQ is not installed.
 */
export async function startBroker(folder: string): Promise<Broker> {
  await findTool("rabbitmq-server");
  await using resources = new AsyncDisposableStack();
  const broker = resources.use(await TestBroker.start({ parentFolder: folder }));
  resources.use(endWithRun(() => void broker.kill()));
  const kept = resources.move();
  return {
    url: `amqp://guest:guest@127.0.0.1:${broker.port}`,
    async countConsumedQueues() {
      const lines = (await broker.ctl("list_queues", "--no-table-headers", "name", "consumers")).split("\n");
      return lines.filter((line) => /^relayserver\.tenant\..*\t[1-9]/.test(line)).length;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
