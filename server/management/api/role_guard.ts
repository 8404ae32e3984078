/**
 * The same credentials for what is on the management listener besides the API.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import type { Role } from "../../persistence/mod.ts";
import type { Credentials } from "../credentials.ts";
import { authorize } from "./authentication.ts";
import { answerProblem, toManagementError } from "./problem.ts";

/** Makes a handler that answers by itself whoever does not have the role. */
export function createRoleGuard(role: Role, credentials: Credentials): MiddlewareHandler {
  return async (context, next) => {
    try {
      await authorize(context, { role, credentials });
    } catch (error) {
      return answerProblem(toManagementError(error));
    }
    return await next();
  };
}
