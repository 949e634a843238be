// <hs-countdown ends="2026-11-22T12:00:00Z" now="2026-11-21T09:30:00Z">: what is left, by the server's clock.
// `now` is the server's time when the page was made; a snapshot later may set the clock again. Tells screen
// readers nothing each second: the sentence beside it has the time.

const UNITS = [['days', 86_400], ['hours', 3_600], ['minutes', 60], ['seconds', 1]];

// Whole units of what is left: from days to minutes, or from hours to seconds on the last day.
export function parts(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  const shown = left >= 86_400 ? UNITS.slice(0, 3) : UNITS.slice(1);
  let rest = left;
  return shown.map(([name, length]) => {
    const n = Math.floor(rest / length);
    rest -= n * length;
    return [name, n];
  });
}

// The tests import `parts` where there is no page.
const Base = globalThis.HTMLElement ?? class {};

export class Countdown extends Base {
  static observedAttributes = ['ends'];

  #offsetMs = 0;
  #timer;

  connectedCallback() {
    const now = Date.parse(this.getAttribute('now'));
    if (!Number.isNaN(now)) this.serverTime = now;
    this.#tick();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#tick();
  }

  // Milliseconds, as the server tells them.
  set serverTime(ms) {
    this.#offsetMs = ms - Date.now();
  }

  #tick() {
    clearTimeout(this.#timer);
    const ends = Date.parse(this.getAttribute('ends'));
    const leftMs = ends - (Date.now() + this.#offsetMs);
    this.hidden = Number.isNaN(ends) || leftMs <= 0;
    if (this.hidden) {
      if (!Number.isNaN(ends)) this.dispatchEvent(new CustomEvent('hs-ended', { bubbles: true }));
      return;
    }
    this.#show(parts(leftMs / 1_000));
    this.#timer = setTimeout(() => this.#tick(), (leftMs % 1_000) + 20);
  }

  #show(shown) {
    const clock = document.createElement('span');
    clock.className = 'clock';
    clock.setAttribute('aria-hidden', 'true');
    for (const [name, n] of shown) {
      const [box, number, unit] = ['span', 'b', 'small'].map((tag) => document.createElement(tag));
      number.textContent = String(n).padStart(name === 'days' ? 1 : 2, '0');
      unit.textContent = n === 1 ? name.slice(0, -1) : name;
      box.append(number, unit);
      clock.append(box);
    }
    this.replaceChildren(clock);
  }
}
