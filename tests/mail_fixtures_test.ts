/**
 * Mail and tickets as version 1 wrote them: servers of neighbouring releases run beside each other.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { decodeMail, encodeBatch, encodeLinkFrame } from "../server/cluster/mail.ts";
import { decodeTicket, encodeTicket } from "../server/transport/amqp/topology.ts";
import fixtures from "./fixtures/mail_v1.json" with { type: "json" };

Deno.test("decodeMail() reads the letters of version 1", () => {
  for (const { bytes, letter } of fixtures.letters) {
    assert.deepEqual(decodeMail(Uint8Array.fromHex(bytes)), { to: "origin", letter });
  }
});

Deno.test("frames of links are those of version 1", () => {
  for (const { bytes, to, linkId, frame } of fixtures.frames) {
    const content = Uint8Array.fromHex(frame);
    assert.deepEqual(decodeMail(Uint8Array.fromHex(bytes)), { to, linkId, frame: content });
    assert.equal(encodeLinkFrame(to as "acceptor" | "opener", linkId, content).toHex(), bytes);
  }
});

Deno.test("batches are those of version 1", () => {
  for (const { bytes, messages } of fixtures.batches) {
    const all = messages.map((message) => Uint8Array.fromHex(message));
    assert.deepEqual(decodeMail(Uint8Array.fromHex(bytes)), { to: "several", messages: all });
    assert.equal(encodeBatch(all).toHex(), bytes);
  }
});

Deno.test("decodeMail() skips a batch that is cut off or says wrong lengths", () => {
  for (const { bytes, messages } of fixtures.batches) {
    const whole = Uint8Array.fromHex(bytes);
    const ends = messages.map((_, index) =>
      encodeBatch(messages.slice(0, index).map((m) => Uint8Array.fromHex(m))).length
    );
    for (let length = 0; length < whole.length; length++) {
      if (!ends.includes(length)) assert.equal(decodeMail(whole.subarray(0, length)), undefined);
    }
    whole.fill(0xff, 18, 22);
    assert.equal(decodeMail(whole), undefined);
  }
});

Deno.test("tickets are those of version 1", () => {
  for (const { text, ticket } of fixtures.tickets) {
    assert.deepEqual(decodeTicket(Buffer.from(text)), ticket);
    assert.equal(encodeTicket(ticket as { requestId: string; originId?: string }).toString(), text);
  }
});

Deno.test("decodeMail() skips what a later version writes", () => {
  for (const { bytes } of [...fixtures.letters, ...fixtures.frames, ...fixtures.batches]) {
    assert.equal(decodeMail(Uint8Array.fromHex(`02${bytes.slice(2)}`)), undefined);
    assert.equal(decodeMail(Uint8Array.fromHex(`01ff${bytes.slice(4)}`)), undefined);
  }
  assert.equal(decodeTicket(Buffer.from('{"version":2,"requestId":"x"}')), undefined);
});
