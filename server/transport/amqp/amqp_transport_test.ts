import { requireRabbitMq, shareBroker } from "../../../tests/testkit/rabbitmq.ts";
import { testServerTransport } from "../transport_contract.ts";
import { AmqpTransport } from "./amqp_transport.ts";
import type { QueueType } from "./topology.ts";

const SKIPPED_ON_QUORUM = {
  "remove() takes a tenant's queue away with all that waits in it":
    "RabbitMQ 3.10 may fail when a quorum queue is declared right after it was deleted; tenants never come back under the same id",
};

const rabbitmq = await requireRabbitMq();
const broker = await shareBroker(rabbitmq);

for (const queueType of ["classic", "quorum"] satisfies QueueType[]) {
  testServerTransport(`amqp transport (${queueType})`, async (options) => {
    const transport = await AmqpTransport.open({ ...options, urls: [broker!.url], queueType });
    await transport.connected;
    return transport;
  }, { requirement: rabbitmq, skipped: queueType === "quorum" ? SKIPPED_ON_QUORUM : {} });
}
