// <hs-live giveaway="gvw_…" page="/g/gvw_…" public="/api/…/public" gateway="">: keeps what is inside up to date.
// Numbers (`data-live="entrants"`) follow the snapshots; what is bigger (`data-region="…"`) is read anew from the
// page when the phase changes, except a form that somebody is filling in. Draw events go to <hs-draw>.
// Screen readers are told of phases, politely, and not of numbers.
import { loadElements } from './elements.js';
import { Room } from './room.js';
import { showLocalTimes } from './time.js';

const SAID = {
  scheduled: 'Entries open soon.',
  open: 'The giveaway is open for entries.',
  closed: 'Entries are closed now.',
  committed: 'The entries are frozen and committed to. The draw comes next.',
  drawn: 'The winners are drawn.',
  completed: 'The giveaway is completed.',
  cancelling: 'The giveaway was called off.',
  cancelled: 'The giveaway was called off.',
};

// Several events come at once; the page is read once for all of them.
const GATHER_MS = 400;

export class Live extends HTMLElement {
  #room;
  #phase;
  #refreshing;

  async connectedCallback() {
    this.#phase = this.getAttribute('phase');
    const { io } = await import('../vendor/socket.io/socket.io.esm.min.js');
    const name = `giveaway:${this.getAttribute('giveaway')}`;
    const room = new Room({ name, gateway: this.getAttribute('gateway'), io, poll: () => this.#poll() });
    room.addEventListener('snapshot', ({ detail }) => this.#show(detail));
    room.addEventListener('happened', ({ detail }) => this.#happened(detail));
    room.addEventListener('reset', () => this.#refresh());
    room.addEventListener('state', ({ detail }) => this.#note(detail));
    this.addEventListener('hs-draw-done', () => this.#refresh());
    this.#room = room;
    room.open();
  }

  disconnectedCallback() {
    this.#room?.close();
  }

  async #poll() {
    const answer = await fetch(this.getAttribute('public'), { cache: 'no-store' });
    if (!answer.ok) return undefined;
    const { state, counts, server_time: now } = await answer.json();
    return { phase: state, entrants: counts.entries, verified: counts.verified, server_time_ms: Date.parse(now) };
  }

  #show(snapshot) {
    for (const element of this.querySelectorAll('[data-live]')) {
      const value = snapshot[element.dataset.live];
      if (typeof value === 'number') element.textContent = value.toLocaleString('en');
    }
    const countdown = this.querySelector('hs-countdown');
    if (countdown && snapshot.server_time_ms) countdown.serverTime = snapshot.server_time_ms;
    if (snapshot.phase && snapshot.phase !== this.#phase) this.#enter(snapshot.phase);
  }

  #happened({ name, data }) {
    const draw = this.querySelector('hs-draw');
    if (name.startsWith('draw.') && draw?.happened) draw.happened(name, data);
    if (name === 'phase') this.#enter(data.to);
    else if (name === 'winner' || name === 'draw.successor') this.#refresh();
  }

  #enter(phase) {
    this.#phase = phase;
    this.#say(SAID[phase] ?? '');
    this.#refresh();
  }

  // A draw that is being played would be spoilt by the list of its winners.
  #refresh() {
    if (this.#refreshing || this.querySelector('hs-draw')?.isPlaying) return;
    this.#refreshing = setTimeout(async () => {
      try {
        const answer = await fetch(this.getAttribute('page'), { cache: 'no-store', headers: { accept: 'text/html' } });
        if (answer.ok) this.#replace(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      } finally {
        this.#refreshing = undefined;
      }
    }, GATHER_MS);
  }

  #replace(fresh) {
    if (this.querySelector('hs-draw')?.isPlaying) return;
    for (const region of this.querySelectorAll('[data-region]')) {
      const name = region.dataset.region;
      const next = fresh.querySelector(`[data-region="${name}"]`);
      if (!next || next.isEqualNode(region) || isBeingFilledIn(region, next)) continue;
      if (region.querySelector('hs-draw[played]') && next.querySelector('hs-draw')) continue;
      showLocalTimes(next);
      region.replaceWith(document.adoptNode(next));
    }
    loadElements(this);
  }

  #note(state) {
    const note = this.querySelector('.live-note');
    if (!note) return;
    note.dataset.state = state;
    note.textContent = state === 'live' ? 'Live' : 'Updated every few seconds';
  }

  #say(words) {
    const said = this.querySelector('[role="status"].unseen');
    if (said) said.textContent = words;
  }
}

function isBeingFilledIn(region, next) {
  const form = region.querySelector('form[action$="/enter"]');
  if (!form || !next.querySelector('form[action$="/enter"]')) return false;
  return form.contains(document.activeElement) || [...form.querySelectorAll('input:not([type="hidden"])')].some((field) => field.value !== field.defaultValue);
}
