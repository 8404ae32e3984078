/**
 * A table of targets and what was relayed to them.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { TargetTotalsDocument } from "../../statistics_service.ts";
import { count, milliseconds, percent } from "../format.ts";
import { Empty, TableBox } from "./blocks.tsx";

/** What the table shows. */
export interface TargetTableOptions {
  readonly label: string;
  readonly targets: readonly TargetTotalsDocument[];
  /** What to say when there are none. */
  readonly empty: string;
  /** Whether they are of several tenants. */
  readonly hasTenants: boolean;
}

/** The targets in their order. */
export const TargetTable: FC<TargetTableOptions> = ({ label, targets, empty, hasTenants }) => {
  if (targets.length === 0) return <Empty title={empty} />;
  return (
    <TableBox label={label}>
      <table>
        <thead>
          <tr>
            <th scope="col">Target</th>
            <th scope="col" class="number">Requests</th>
            <th scope="col" class="number">Failed</th>
            <th scope="col" class="number">Average</th>
            <th scope="col" class="number">Slowest</th>
          </tr>
        </thead>
        <tbody>
          {targets.map((target) => {
            const failed = target.errors + target.expired;
            return (
              <tr>
                <td>
                  <span class="name">
                    {hasTenants && target.tenantName !== null && (
                      <>
                        <a href={`/tenants/${encodeURIComponent(target.tenantName)}`}>{target.tenantName}</a>
                        {" / "}
                      </>
                    )}
                    {target.target}
                  </span>
                </td>
                <td class="number">{count(target.requests)}</td>
                <td class="number">{failed === 0 ? "0" : `${count(failed)} (${percent(failed, target.requests)})`}</td>
                <td class="number">{milliseconds(target.averageDurationMs)}</td>
                <td class="number">{milliseconds(target.maximumDurationMs)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </TableBox>
  );
};
