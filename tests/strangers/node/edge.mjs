// A client of wire protocol version 1 on quiche: one connection and the session on it.
//
// What a game's client needs besides (a queue on disk, credit, back-off, endpoints) is described in
// router/docs/protocol.md, clauses reliable-4, credit-1 and close-2.

import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Logger, { LogLevel } from '@matrixai/logger';
import { QUICClient, events } from '@matrixai/quic';
import * as wire from './wire.mjs';

const PATIENCE_MS = 20_000;
const BAD_CERTIFICATE = 0x100 + 42; // RFC 9001, section 4.8; RFC 8446, section 6

export const nowMs = () => Math.round(performance.now());

/** How a connection ended: { code, byApplication, reason }. Codes of the application are those of protocol.md. */
export class Ended extends Error {
  constructor({ errorCode, isApp, reason }) {
    super(`the connection ended with ${isApp ? 'application' : 'transport'} code 0x${errorCode.toString(16)}`);
    this.code = errorCode;
    this.byApplication = isApp;
    this.reason = Buffer.from(reason ?? []).toString();
  }
}

export class Connection {
  /** Shakes hands. */
  static async open(briefing, alpn = 'edge/1') {
    const client = await QUICClient.createQUICClient({
      host: briefing.host,
      port: briefing.port,
      localHost: briefing.host, // ours beside the daemon's: tests stay on this machine
      crypto: { ops: { randomBytes: async (data) => void webcrypto.getRandomValues(new Uint8Array(data)) } },
      config: {
        applicationProtos: [alpn],
        ca: readFileSync(briefing.ca, 'utf8'),
        // The package checks names and no addresses, and the daemon has an address: its certificate must be the one.
        verifyCallback: async ([theirs], [ours]) => (Buffer.compare(theirs, ours) ? BAD_CERTIFICATE : undefined),
        enableDgram: [true, 16, 16],
        maxIdleTimeout: 10_000,
        initialMaxStreamsBidi: 0,
        initialMaxStreamsUni: 0,
      },
      logger: new Logger('quic', LogLevel.SILENT),
    });
    return new Connection(client);
  }

  constructor(client) {
    this.client = client;
    this.receipts = new Map();
    this.credit = new Map();
    this.replied = [];
    this.rejected = [];
    this.classes = new Map();
    this.ended = new Promise((resolve) => {
      const { name } = events.EventQUICConnectionError;
      client.connection.addEventListener(name, (error) => resolve(new Ended(error.detail.data)));
    });
  }

  // ---- what the client says

  /** Says HELLO and gives the server's answer, { kind, fields }. */
  async hello(token, producer, digest, receipts = new Map(), more = []) {
    const control = this.client.connection.newStream('bidi');
    this.control = control.writable.getWriter();
    this.heard = control.readable.getReader();
    this.bytes = Buffer.alloc(0);
    // What ends the connection ends its streams; `ended` says why.
    this.control.closed.catch(() => {});
    this.heard.closed.catch(() => {});
    const seqs = [...receipts].map(([klass, seq]) => [3, wire.message([1, klass], [2, seq])]);
    const body = wire.message([1, token], [2, producer], ...seqs, [7, digest], [10, nowMs()], ...more);
    await this.say(Buffer.concat([wire.varint(wire.CONTROL), wire.frame(wire.HELLO, body)]));
    const answer = await this.frame();
    if (answer.kind === wire.WELCOME) {
      this.receipts = wire.classSeqs(answer.fields, 3);
      this.credit = wire.classSeqs(answer.fields, 5);
    }
    return answer;
  }

  /** Says bytes on the control stream. */
  async say(bytes) {
    await this.control.write(bytes);
  }

  /** The stream of a class, opened with its header where it is not yet. */
  async events(klass) {
    if (!this.classes.has(klass)) {
      const writer = this.client.connection.newStream('uni').writable.getWriter();
      writer.closed.catch(() => {});
      this.classes.set(klass, writer);
      await writer.write(Buffer.concat([wire.varint(wire.EVENTS), wire.varint(klass)]));
    }
    return this.classes.get(klass);
  }

  /** Sends a reliable event. */
  async tell(klass, seq, type, payload) {
    const stream = await this.events(klass);
    await stream.write(wire.event(seq, type, nowMs(), payload));
  }

  /** Sends events, each a type and a payload, in one datagram. The package keeps quiche's own connection in `conn`. */
  async throw(...all) {
    const { connection } = this.client;
    connection.conn.dgramSend(Buffer.concat(all.map(([type, payload]) => wire.event(0, type, nowMs(), payload))));
    await connection.send();
  }

  /**
   * Closes with NO_ERROR, as an application. The package's own way would reset the streams before, and a control stream
   * that is reset closes with STREAM_CLOSED (stream-3).
   */
  async goodbye() {
    const { connection } = this.client;
    connection.conn.close(true, 0, Buffer.alloc(0));
    await connection.send();
  }

  // ---- what the server says

  /** The next frame, { kind, fields }; throws Ended. */
  async frame() {
    for (;;) {
      const taken = wire.takeFrame(this.bytes);
      if (taken) {
        this.bytes = taken.rest;
        return taken;
      }
      const gone = this.ended.then((end) => ({ end }));
      const chunk = await patiently(Promise.race([this.heard.read().catch(() => gone), gone]));
      if (chunk.end || chunk.done) throw await patiently(this.ended);
      this.bytes = Buffer.concat([this.bytes, chunk.value]);
    }
  }

  /** Takes one frame in. */
  async hear() {
    const { kind, fields } = await this.frame();
    const klass = wire.number(fields, 1);
    if (kind === wire.RECEIPT) this.receipts.set(klass, wire.number(fields, 2));
    if (kind === wire.CREDIT) this.credit.set(klass, wire.number(fields, 2));
    if (kind === wire.COMMAND) this.replied.push(fields);
    if (kind === wire.REJECT) this.rejected.push(fields);
    return kind;
  }

  /** Waits until an event has its receipt. */
  async receipt(klass, seq) {
    while ((this.receipts.get(klass) ?? 0) < seq) await this.hear();
  }
}

export async function patiently(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came in time')), PATIENCE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
