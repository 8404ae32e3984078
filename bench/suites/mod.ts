/**
 * All suites, in the order in which they run.
 *
 * @module
 */

import { acknowledge } from "./acknowledge.ts";
import { cluster } from "./cluster.ts";
import { connect } from "./connect.ts";
import { connector } from "./connector.ts";
import { database } from "./database.ts";
import { events } from "./events.ts";
import { idle } from "./idle.ts";
import { links } from "./links.ts";
import { operation } from "./operation.ts";
import { requests } from "./requests.ts";
import type { Suite } from "./suite.ts";
import { tenants } from "./tenants.ts";
import { transfers } from "./transfers.ts";

export type { Bench, Suite } from "./suite.ts";

/** All suites. */
export const SUITES: readonly Suite[] = [
  requests,
  transfers,
  events,
  idle,
  tenants,
  connect,
  connector,
  links,
  operation,
  acknowledge,
  cluster,
  database,
];
