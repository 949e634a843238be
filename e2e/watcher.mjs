// One who watches a room, as a page does: with the official client, over one transport or from polling to
// WebSocket, from one gateway to the next. It keeps the number of the last event seen, asks for what it
// missed whenever it comes back, drops what it has seen, and takes a hole for the fault that it is.
import { io } from 'socket.io-client';

const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']];

// A room that is not there yet, or cannot be read now, is asked for again.
const RETRY_MS = 300;

export class Watcher {
  constructor({ urls, room, token, n = 0, onEvent = () => {} }) {
    this.urls = urls;
    this.room = room;
    this.onEvent = onEvent;
    this.next = n;
    this.seq = 0;
    this.events = [];
    this.snapshot = undefined;
    this.counts = { connects: 0, duplicates: 0, resets: 0, resyncs: 0, drains: 0, snapshots: 0 };
    this.faults = [];
    this.isStopped = false;
    this.transports = TRANSPORTS[n % TRANSPORTS.length];
    this.socket = io(this.url(), {
      transports: this.transports,
      auth: token ? { token } : undefined,
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 1_000,
      timeout: 5_000,
    });
    this.listen();
  }

  url() {
    return this.urls[this.next++ % this.urls.length];
  }

  listen() {
    const { socket } = this;
    socket.on('connect', () => {
      this.counts.connects += 1;
      this.join();
    });
    socket.on('connect_error', () => this.goElsewhere());
    socket.on('disconnect', () => this.goElsewhere());
    socket.on('snapshot', (snapshot) => {
      this.counts.snapshots += 1;
      // What it says happened has been told before.
      if (snapshot.seq > this.seq) this.fault(`a snapshot of ${snapshot.seq} before event ${this.seq + 1}`);
      this.snapshot = snapshot;
    });
    socket.on('reset', ({ seq }) => this.reset(seq));
    socket.on('resync', () => {
      this.counts.resyncs += 1;
      this.join();
    });
    socket.on('draining', ({ within_ms: within }) => {
      this.counts.drains += 1;
      setTimeout(() => {
        if (this.isStopped) return;
        socket.disconnect();
        this.goElsewhere();
        socket.connect();
      }, Math.random() * within * 0.8);
    });
    socket.onAny((name, data) => {
      if (['snapshot', 'reset', 'resync', 'draining', 'left'].includes(name)) return;
      if (data.room !== this.room) return this.fault(`an event of ${data.room}`);
      if (data.seq <= this.seq) {
        this.counts.duplicates += 1;
        return;
      }
      if (data.seq !== this.seq + 1) this.fault(`${name} ${data.seq} came after ${this.seq}`);
      this.seq = data.seq;
      this.events.push({ name, seq: data.seq, data: data.data });
      this.onEvent(name, data);
    });
  }

  // The manager opens its next connection at the address that it has then.
  goElsewhere() {
    this.socket.io.uri = this.url();
  }

  join() {
    this.socket.emit('join', { room: this.room, seq: this.seq }, (answer) => {
      if (this.isStopped) return;
      if (!answer.ok) {
        if (['not_found', 'unavailable', 'too_many_joins'].includes(answer.error.code)) {
          setTimeout(() => this.socket.connected && this.join(), RETRY_MS);
        } else {
          this.fault(`${answer.error.code}: ${answer.error.detail}`);
        }
        return;
      }
      if (answer.reset) this.reset(answer.seq);
      else if (answer.seq !== this.seq) this.fault(`it was told ${this.seq}, and the answer says ${answer.seq}`);
      this.snapshot = answer.snapshot;
    });
  }

  reset(seq) {
    this.counts.resets += 1;
    this.seq = seq;
  }

  fault(what) {
    this.faults.push(what);
  }

  stop() {
    this.isStopped = true;
    this.socket.disconnect();
  }

  report() {
    const winners = this.events.filter(({ name }) => name === 'draw.winner' || name === 'draw.successor');
    return {
      transports: this.transports.join('+'),
      seq: this.seq,
      events: this.events.length,
      winners: winners.map(({ data }) => `${data.unit} ${data.leaf}`),
      phase: this.snapshot?.phase,
      ...this.counts,
      faults: this.faults,
    };
  }
}
