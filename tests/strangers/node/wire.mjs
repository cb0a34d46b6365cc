// The bytes of wire protocol version 1, from router/docs/protocol.md and wire.proto. Reads nothing, sends nothing.
//
// Bodies of control frames are protobuf; the little of it that they need stands below. This client counts no further
// than 2^53, where JavaScript's plain numbers end.

export const CONTROL = 1;
export const EVENTS = 2;

export const HELLO = 0x01;
export const REAUTH = 0x02;
export const WELCOME = 0x11;
export const REFUSE = 0x12;
export const RECEIPT = 0x13;
export const CREDIT = 0x14;
export const COMMAND = 0x15;
export const REJECT = 0x16;
export const MOVE = 0x17;
export const EVENT = 0x20;
export const EXTENSION = 0x40;

/** A number as RFC 9000, section 16, writes it. */
export function varint(value) {
  const [length, prefix] = value < 0x40 ? [1, 0] : value < 0x4000 ? [2, 1] : value < 0x40000000 ? [4, 2] : [8, 3];
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  const short = bytes.subarray(8 - length);
  short[0] |= prefix << 6;
  return short;
}

/** The number at a place and the place behind it; null where it is cut short. */
export function readVarint(bytes, at) {
  if (at >= bytes.length) return null;
  const length = 1 << (bytes[at] >> 6);
  if (at + length > bytes.length) return null;
  let value = BigInt(bytes[at] & 0x3f);
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(bytes[at + i]);
  return [Number(value), at + length];
}

export function frame(kind, body = Buffer.alloc(0)) {
  return Buffer.concat([varint(kind), varint(body.length), body]);
}

/** An event; seq is 0 in a datagram. */
export function event(seq, type, clientMs, payload) {
  return frame(EVENT, Buffer.concat([varint(seq), varint(type), varint(clientMs), payload]));
}

/** The first frame of a buffer and what is behind it; null where it is not whole. */
export function takeFrame(bytes) {
  const kind = readVarint(bytes, 0);
  const length = kind && readVarint(bytes, kind[1]);
  if (!length || bytes.length < length[1] + length[0]) return null;
  const end = length[1] + length[0];
  return { kind: kind[0], fields: fields(bytes.subarray(length[1], end)), rest: bytes.subarray(end) };
}

/** A protobuf body from pairs of a field's number and value: a number, text, bytes, or another body. */
export function message(...pairs) {
  const parts = [];
  for (const [number, value] of pairs) {
    if (typeof value === 'number') {
      parts.push(base128(number * 8), base128(value));
    } else {
      const bytes = Buffer.from(value);
      parts.push(base128(number * 8 + 2), base128(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

/** All values of each field: numbers, or bytes. */
export function fields(body) {
  const found = new Map();
  let at = 0;
  const read = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= body.length) throw new Error('a field is cut short');
      const byte = body[at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < body.length) {
    const key = read();
    let value = read();
    if (key % 8 === 2) {
      const length = value;
      value = body.subarray(at, at + length);
      at += length;
    }
    const number = Math.floor(key / 8);
    found.set(number, [...(found.get(number) ?? []), value]);
  }
  return found;
}

export const number = (found, field) => found.get(field)?.[0] ?? 0;
export const text = (found, field) => Buffer.from(found.get(field)?.[0] ?? []).toString();

/** A repeated ClassSeq as class to seq. */
export function classSeqs(found, field) {
  const pairs = (found.get(field) ?? []).map((one) => fields(one));
  return new Map(pairs.map((one) => [number(one, 1), number(one, 2)]));
}

function base128(value) {
  const bytes = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Buffer.from([...bytes, value]);
}
