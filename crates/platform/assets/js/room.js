// A room of the gateway, as docs/realtime.md has it: events in order and without repetition, whatever happens to
// the connection. While there is none, what is public is asked for now and then.
//
// Emits `happened` { name, data, seq }, `snapshot` { phase, ends_at, entrants, verified, server_time_ms },
// `reset` (read the subject anew) and `state` (`live`, `polling`).

const RETRY_MS = 2_000;
const POLL_MS = 10_000;
const MESSAGES = new Set(['snapshot', 'reset', 'resync', 'draining', 'left']);
const PASSES = new Set(['unavailable', 'not_found', 'too_many_joins', 'too_slow']);

export class Room extends EventTarget {
  #io;
  #socket;
  #timers = new Set();
  #polling;
  #state;

  // `io` is the client's own function, `poll` asks for a snapshot without a socket.
  constructor({ name, gateway, io, poll }) {
    super();
    Object.assign(this, { name, gateway, poll });
    this.#io = io;
    this.seq = undefined;
  }

  open() {
    const socket = this.#io(this.gateway || location.origin, { reconnectionDelayMax: 10_000, randomizationFactor: 0.8 });
    this.#socket = socket;
    socket.on('connect', () => this.#join());
    socket.on('connect_error', () => this.#pollInstead());
    socket.on('disconnect', () => this.#pollInstead());
    socket.on('draining', ({ within_ms: within }) =>
      this.#after(Math.random() * within * 0.8, () => socket.disconnect().connect()),
    );
    socket.onAny((name, message) => this.#heard(name, message));
  }

  close() {
    this.#socket?.disconnect();
    clearInterval(this.#polling);
    this.#timers.forEach(clearTimeout);
  }

  #join() {
    this.#socket.emit('join', { room: this.name, seq: this.seq }, (answer) => {
      if (!answer.ok) {
        if (PASSES.has(answer.error.code)) this.#after(RETRY_MS, () => this.#socket.connected && this.#join());
        return;
      }
      clearInterval(this.#polling);
      this.#polling = undefined;
      this.#enter('live');
      const isFirst = this.seq === undefined;
      if (answer.reset || isFirst) this.seq = answer.seq;
      if (answer.reset && !isFirst) this.#emit('reset');
      this.#emit('snapshot', answer.snapshot);
    });
  }

  #heard(name, message) {
    if (message?.room !== this.name) return;
    if (name === 'snapshot') this.#emit('snapshot', message);
    else if (name === 'resync') this.#join();
    else if (name === 'reset') {
      this.seq = message.seq;
      this.#emit('reset');
    } else if (!MESSAGES.has(name) && this.seq !== undefined && message.seq > this.seq) {
      this.seq = message.seq;
      this.#emit('happened', { name, data: message.data, seq: message.seq });
    }
  }

  #pollInstead() {
    if (this.#polling) return;
    this.#enter('polling');
    const ask = () => this.poll().then((snapshot) => snapshot && this.#polling && this.#emit('snapshot', snapshot), () => {});
    this.#polling = setInterval(ask, POLL_MS);
    ask();
  }

  #enter(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#emit('state', state);
  }

  #emit(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), { detail }));
  }

  #after(ms, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}
