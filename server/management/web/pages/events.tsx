/**
 * What happens, as it happens.
 *
 * @module
 */

import { allow } from "../../api/authentication.ts";
import { MANAGEMENT_EVENT_TYPES } from "../../event_hub.ts";
import type { Web, WebParts } from "../environment.ts";
import { showPage } from "../layout.tsx";
import { Card, Empty, Heading, TableBox } from "../parts/blocks.tsx";

const MOST_EVENTS = 200;

/** Adds the page. */
export function addEventsPage(web: Web, { credentials }: WebParts): void {
  web.get("/events", allow("reader", credentials), (context) =>
    showPage(
      context,
      { title: "Events", place: "/events", live: { types: MANAGEMENT_EVENT_TYPES } },
      <>
        <Heading title="Events" about="What happens at this server from now on, newest first.">
          <button type="button" data-pause="events" aria-pressed="false" hidden>Pause</button>
        </Heading>
        <Card wide>
          <div id="no-events">
            <Empty title="Nothing has happened yet">
              Tenants that come, go or change, servers that start or stop, and every relayed request appear here.
            </Empty>
          </div>
          <TableBox label="Events">
            <table hidden>
              <thead>
                <tr>
                  <th scope="col">Time</th>
                  <th scope="col">Event</th>
                  <th scope="col">Tenant</th>
                  <th scope="col">What happened</th>
                </tr>
              </thead>
              <tbody id="events" data-feed="all" data-most={MOST_EVENTS} data-empty="no-events"></tbody>
            </table>
          </TableBox>
        </Card>
      </>,
    ));
}
