/**
 * A table of logged requests.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { LoggedRequest } from "../../../persistence/mod.ts";
import { milliseconds } from "../format.ts";
import { StatusPill, TableBox, Time } from "./blocks.tsx";

/** What the table shows. */
export interface RequestTableOptions {
  readonly label: string;
  readonly requests: readonly LoggedRequest[];
  /** Whether they are of several tenants. */
  readonly hasTenants: boolean;
  /** Set when new ones are to be added as they happen; the most rows, and what to hide then. */
  readonly feed?: { readonly most: number; readonly empty: string };
}

/** Newest first. */
export const RequestTable: FC<RequestTableOptions> = ({ label, requests, hasTenants, feed }) => (
  <TableBox label={label}>
    <table hidden={requests.length === 0}>
      <thead>
        <tr>
          <th scope="col">Time</th>
          {hasTenants && <th scope="col">Tenant</th>}
          <th scope="col">Request</th>
          <th scope="col">Status</th>
          <th scope="col" class="number">Duration</th>
        </tr>
      </thead>
      <tbody
        data-feed={feed && "requests"}
        data-most={feed?.most}
        data-tenants={hasTenants ? "" : undefined}
        data-empty={feed?.empty}
      >
        {requests.map((request) => (
          <tr>
            <td>
              <Time at={request.startedAt} />
            </td>
            {hasTenants && (
              <td>
                <span class="name">
                  {request.tenantId === null
                    ? request.tenantName
                    : <a href={`/tenants/${encodeURIComponent(request.tenantName)}`}>{request.tenantName}</a>}
                </span>
              </td>
            )}
            <td class="path">
              <a href={`/requests/${request.id}`}>{`${request.method} ${request.target}${request.path}`}</a>
            </td>
            <td>
              <StatusPill status={request.status} outcome={request.outcome} />
              {request.errorCode !== null && ` ${request.errorCode}`}
            </td>
            <td class="number">{milliseconds(request.durationMs)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </TableBox>
);
