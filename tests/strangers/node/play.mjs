// play.mjs BRIEFING STORY: plays one story against the daemon that the briefing names.
//
// Standard output is for the test that started it: cues, then one report. It ends with 0 where everything was as it
// must be.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Connection, Ended, patiently } from './edge.mjs';
import * as wire from './wire.mjs';

// Event types and payloads of tests/scenarios/story/scenario.proto.
const HIT = 1;
const CHAT = 4;
const STEP = 6;
const NOISE = 7;
const NOBODY_KNOWS = 999;

const SUPERSEDED = 0x301;
const REFUSED = 0x300;
const TOKEN_EXPIRED = 5;

const nonce = (value) => wire.message([1, value]);
const say = (word) => console.log(JSON.stringify(word));

/** Asks the test to do something to the daemon, or to wait for it, and waits until that is done. */
async function cue(word) {
  say({ cue: word });
  await once(process.stdin, 'data');
}

/** A player: a token, a producer, and what both ends agree on about events. */
class Client {
  constructor(briefing) {
    this.briefing = briefing;
    this.producer = randomBytes(16);
    this.digest = Buffer.from(briefing.catalogue_digest, 'hex');
  }

  async hello(token, receipts, more) {
    const connection = await Connection.open(this.briefing);
    const answer = await connection.hello(this.briefing.tokens[token], this.producer, this.digest, receipts, more);
    return { connection, answer };
  }

  async open(receipts, more) {
    const { connection, answer } = await this.hello('player', receipts, more);
    assert.equal(answer.kind, wire.WELCOME);
    return { connection, welcome: answer.fields };
  }
}

async function session(briefing) {
  const client = new Client(briefing);
  const attribute = (name, value) => [8, wire.message([1, name], [2, value])];
  const attributes = [attribute('input', 'pad'), attribute('tier', 'gold')];
  const more = [[4, '1.2.3'], [5, 'pc'], [6, 'pt-BR'], [9, 8_000], ...attributes];
  const { connection, welcome } = await client.open(new Map(), more);
  const limits = wire.fields(welcome.get(4)[0]);
  assert(wire.number(limits, 1) >= 16_384 && wire.number(limits, 5) > 0);
  assert.deepEqual([1, 7, 8, 10].map((field) => wire.number(welcome, field)), [0, 7, 1, 8_000]);
  assert.deepEqual(Buffer.from(welcome.get(9)[0]), client.digest);
  assert([0, 1, 2, 3].every((klass) => connection.credit.get(klass) > 0 && !connection.receipts.get(klass)));

  const later = wire.frame(wire.EXTENSION + 1, Buffer.from('later'));
  await connection.say(later);
  for (const klass of [0, 1, 2, 3]) {
    if (klass > 1) await (await connection.events(klass)).write(later);
    for (const seq of [1, 2, 3]) await connection.tell(klass, seq, HIT, nonce(100 * klass + seq));
  }
  for (const klass of [0, 1, 2, 3]) await connection.receipt(klass, 3);

  // A frame may come byte by byte; a stream may end at a frame's border.
  const third = await connection.events(3);
  for (const byte of wire.event(4, HIT, 1, nonce(304))) await third.write(Buffer.from([byte]));
  await third.close();
  await connection.receipt(3, 4);

  await connection.tell(0, 4, CHAT, nonce(41));
  await connection.tell(0, 5, NOISE, wire.message([1, 1], [2, 'x'.repeat(16_000)]));
  await connection.tell(0, 6, NOBODY_KNOWS, Buffer.alloc(0));
  await connection.receipt(0, 6);
  while (!connection.replied.length || !connection.rejected.length) await connection.hear();
  const [reply, reject] = [connection.replied[0], connection.rejected[0]];
  assert.equal(wire.text(reply, 2), 'tip');
  assert.deepEqual(JSON.parse(wire.text(reply, 3)), { nonce: 41, rev: 1 });
  assert.deepEqual([1, 2, 3].map((field) => wire.number(reject, field)), [0, 6, 1]);

  await connection.throw([STEP, nonce(7)], [STEP, nonce(8)]);
  await connection.throw([STEP, nonce(9)]);
  await cue('steps');
  await connection.goodbye();
  return ['hello', 'classes', 'receipts', 'datagrams', 'reply', 'reject', 'extensions', 'close'];
}

async function resume(briefing) {
  const client = new Client(briefing);
  const { connection: first } = await client.open();
  for (const seq of [1, 2, 3, 4, 5]) await first.tell(0, seq, HIT, nonce(seq));
  await first.receipt(0, 5);

  // The client believes that nothing arrived and sends everything again, and one event more.
  const { connection: second, welcome } = await client.open();
  assert.equal(wire.number(welcome, 1), 1);
  assert.equal(second.receipts.get(0), 5);
  const end = await patiently(first.ended);
  assert.deepEqual([end.code, end.byApplication], [SUPERSEDED, true]);
  for (const seq of [1, 2, 3, 4, 5, 6]) await second.tell(0, seq, HIT, nonce(seq));
  await second.receipt(0, 6);
  await second.goodbye();

  const { connection: third } = await client.open(new Map([[0, 6]]));
  await third.tell(0, 7, HIT, nonce(7));
  await third.receipt(0, 7);
  await third.goodbye();
  return ['resume', 'resend', 'superseded'];
}

/** A token that has expired, and another protocol's name. */
async function refused(briefing) {
  const { connection, answer } = await new Client(briefing).hello('expired');
  assert.equal(answer.kind, wire.REFUSE);
  assert.equal(wire.number(answer.fields, 1), TOKEN_EXPIRED);
  const end = await connection.frame().catch((why) => why);
  assert(end instanceof Ended);
  assert.deepEqual([end.code, end.byApplication], [REFUSED, true]);
  const alien = await Connection.open(briefing, 'h3').catch((why) => why);
  assert.equal((alien.data ?? alien.cause?.data)?.errorCode, 0x100 + 120, String(alien));
  return ['refuse', 'alpn'];
}

const briefing = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const proved = await { session, resume, refused }[process.argv[3]](briefing);
say({ proved });
process.exit(0);
