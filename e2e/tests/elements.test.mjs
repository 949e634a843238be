// What the elements decide, without a page around them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parts } from '../../crates/platform/assets/js/countdown.js';
import { pace, stepsOf } from '../../crates/platform/assets/js/draw.js';
import { Room } from '../../crates/platform/assets/js/room.js';
import { localTime } from '../../crates/platform/assets/js/time.js';

test('a countdown shows days to minutes, and on the last day hours to seconds', () => {
  assert.deepEqual(parts(2 * 86_400 + 3_600 + 59), [['days', 2], ['hours', 1], ['minutes', 0]]);
  assert.deepEqual(parts(3_661), [['hours', 1], ['minutes', 1], ['seconds', 1]]);
  assert.deepEqual(parts(0.2), [['hours', 0], ['minutes', 0], ['seconds', 1]]);
  assert.deepEqual(parts(-5), [['hours', 0], ['minutes', 0], ['seconds', 0]]);
});

test('times are those of the place', () => {
  assert.equal(localTime('2026-11-22T12:00:00Z', { timeZone: 'Europe/Berlin' }), '22 November 2026, 13:00 CET');
  assert.equal(localTime('2026-11-22T12:00:05Z', { timeZone: 'UTC' }), '22 November 2026, 12:00:05 UTC');
  assert.equal(localTime('soon'), undefined);
});

test('a draw is replayed in the order in which it happened, within bounds', () => {
  const transcript = { manifest: { units: ['a', 'b', 'c'], round: 7, leaves: 2 }, beacon: { round: 7, signature: 'ff' }, picks: ['x', 'y'] };
  const steps = stepsOf(transcript, 'hash');
  assert.deepEqual(steps.map(({ name }) => name), ['draw.committed', 'draw.beacon', 'draw.winner', 'draw.winner', 'draw.completed']);
  assert.deepEqual(steps[3].data, { place: 2, unit: 'b', leaf: 'y' });
  for (const n of [1, 10, 1_000]) assert.ok(pace(n) * n <= 18_000);
});

// A gateway that does what it is told.
function gateway() {
  const heard = {};
  const socket = {
    connected: true,
    sent: [],
    on: (name, handler) => (heard[name] = handler),
    onAny: (handler) => (heard.any = handler),
    emit: (name, body, answer) => socket.sent.push({ name, body, answer }),
    disconnect: () => socket,
    connect: () => socket,
  };
  return { io: () => socket, socket, heard };
}

function room(poll = async () => undefined) {
  const { io, socket, heard } = gateway();
  const told = [];
  const made = new Room({ name: 'giveaway:gvw_1', gateway: 'http://gateway.example', io, poll });
  for (const name of ['happened', 'snapshot', 'reset', 'state']) made.addEventListener(name, ({ detail }) => told.push([name, detail]));
  made.open();
  return { made, socket, heard, told };
}

const event = (seq, room = 'giveaway:gvw_1') => ({ room, seq, data: { n: seq } });

test('events come once and in order, and after a pause from where it stopped', () => {
  const { made, socket, heard, told } = room();
  heard.connect();
  assert.deepEqual(socket.sent[0].body, { room: 'giveaway:gvw_1', seq: undefined });
  heard.any('phase', event(4));
  socket.sent[0].answer({ ok: true, seq: 5, reset: false, snapshot: { phase: 'open' } });
  for (const seq of [5, 6, 6]) heard.any('phase', event(seq));
  heard.any('phase', event(7, 'giveaway:gvw_2'));
  heard.any('snapshot', { ...event(6), entrants: 3 });
  assert.deepEqual(told.map(([name]) => name), ['state', 'snapshot', 'happened', 'snapshot']);
  heard.connect();
  assert.equal(socket.sent[1].body.seq, 6);
  // What was missed comes before the answer.
  heard.any('draw.winner', event(7));
  socket.sent[1].answer({ ok: true, seq: 7, reset: false, snapshot: {} });
  heard.any('resync', event(7));
  assert.equal(socket.sent[2].body.seq, 7);
  socket.sent[2].answer({ ok: true, seq: 300, reset: true, snapshot: {} });
  assert.ok(told.some(([name]) => name === 'reset'));
  assert.equal(made.seq, 300);
  made.close();
});

test('without a connection the public numbers are asked for, until there is one', async () => {
  let asked = 0;
  const { made, socket, heard, told } = room(async () => ({ phase: 'open', entrants: (asked += 1) }));
  heard.connect_error();
  heard.connect_error();
  await new Promise((go) => setImmediate(go));
  assert.equal(asked, 1);
  assert.deepEqual(told.map(([name, detail]) => [name, detail.entrants ?? detail]), [['state', 'polling'], ['snapshot', 1]]);
  heard.connect();
  socket.sent[0].answer({ ok: true, seq: 0, reset: false, snapshot: { phase: 'open' } });
  assert.deepEqual(told.at(-2), ['state', 'live']);
  made.close();
});
