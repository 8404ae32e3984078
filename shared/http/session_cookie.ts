/**
 * The cookie of the management web and its API. Browsers do not tell ports apart and send it to the public listener of the same host too,
 * so that the relay must know it in order to keep it from targets.
 *
 * @module
 */

/** Name of the cookie. */
export const SESSION_COOKIE = "relayserver_session";
