// What `handsel bench gateway` measures beside the gateway: the usual server for Node.js, with a room and an
// event in it each second. Prints its address, and ends when its input does.
//
//   node bench-server.mjs EVERY_MS
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const every = Number(process.argv[2] ?? 1_000);
const server = createServer();
const io = new Server(server, { maxHttpBufferSize: 16 * 1024, perMessageDeflate: false });
let seq = 0;

io.on('connection', (socket) => {
  socket.on('join', ({ room }, answer) => {
    socket.join(room);
    answer({ ok: true, room, seq, reset: false, snapshot: { room, seq } });
  });
});

setInterval(() => {
  seq += 1;
  const now = performance.timeOrigin + performance.now();
  const data = { n: seq, at_us: Math.round(now * 1_000) };
  io.to('giveaway:bench').emit('tick', { room: 'giveaway:bench', seq, at_ms: Math.round(now), data });
}, every);

server.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`));
process.stdin.on('end', () => process.exit(0)).resume();
