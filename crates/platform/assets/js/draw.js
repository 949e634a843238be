// <hs-draw transcript="/api/…/transcript" public="/api/…/public">: shows a draw step by step, either as it
// happens (`happened` is called with the events of the room) or from the transcript, when asked to. Who has asked
// for less motion sees all of it at once. What is inside before is what people see who run no scripts.

const WHOLE_MS = 18_000;
const STEP_MS = 1_100;

// What a transcript shows: the steps in their order, as the events of the room tell them.
export function stepsOf(transcript, hash) {
  const { manifest, beacon, picks } = transcript;
  const committed = { name: 'draw.committed', data: { manifest_hash: hash, round: manifest.round, entries: manifest.leaves } };
  const round = { name: 'draw.beacon', data: { round: beacon.round, signature: beacon.signature } };
  const winners = manifest.units
    .slice(0, picks.length)
    .map((unit, n) => ({ name: 'draw.winner', data: { place: n + 1, unit, leaf: picks[n] } }));
  return [committed, round, ...winners, { name: 'draw.completed', data: { winners: winners.length } }];
}

// How long each step is looked at: all of them take less than WHOLE_MS.
export function pace(steps) {
  return Math.min(STEP_MS, WHOLE_MS / Math.max(1, steps));
}

const Base = globalThis.HTMLElement ?? class {};

export class Draw extends Base {
  #queue = [];
  #prizes = new Map();
  isPlaying = false;

  connectedCallback() {
    if (!this.getAttribute('transcript') || this.querySelector('button')) return;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Watch the draw again';
    button.addEventListener('click', () => this.#replay(button));
    this.append(button);
  }

  // An event of the room.
  happened(name, data) {
    if (!['draw.beacon', 'draw.winner', 'draw.completed'].includes(name)) return;
    this.#queue.push({ name, data });
    if (!this.isPlaying) this.#play();
  }

  async #replay(button) {
    button.disabled = true;
    try {
      const answer = await fetch(this.getAttribute('transcript'));
      this.#queue = stepsOf(await answer.json(), this.getAttribute('manifest'));
      await this.#play();
    } finally {
      button.disabled = false;
    }
  }

  async #play() {
    this.isPlaying = true;
    this.setAttribute('played', '');
    this.parentElement?.querySelector('[data-until-draw]')?.remove();
    const stage = this.#stage();
    await this.#learnPrizes();
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    for (let n = 0; this.#queue.length > 0; n += 1) {
      const { name, data } = this.#queue.shift();
      this.#show(stage, name, data);
      if (name === 'draw.completed') break;
      if (!still) await new Promise((go) => setTimeout(go, pace(this.#queue.length + n)));
      // Events come one by one: the last of them says that it is the last.
      while (this.#queue.length === 0) await new Promise((go) => setTimeout(go, 50));
    }
    this.isPlaying = false;
    this.dispatchEvent(new CustomEvent('hs-draw-done', { bubbles: true }));
  }

  async #learnPrizes() {
    if (this.#prizes.size > 0) return;
    try {
      const { rules } = await (await fetch(this.getAttribute('public'))).json();
      for (const { unit, description, merchant } of rules.units) this.#prizes.set(bare(unit), `${description} · ${merchant}`);
    } catch {
      // Without their names, prizes are still in their order.
    }
  }

  #stage() {
    const stage = document.createElement('div');
    stage.className = 'draw';
    stage.innerHTML = `<ol class="draw-stations" role="list"><li class="done" data-station="committed"><span>Every entry is committed to</span></li>
      <li data-station="beacon"><span>The random number is public</span></li><li data-station="completed"><span>The winners are drawn</span></li></ol>
      <ol class="draw-slots" role="list" tabindex="0" aria-label="Winners"></ol><p class="unseen" role="status"></p>`;
    this.querySelector('.draw')?.remove();
    this.prepend(stage);
    return stage;
  }

  #show(stage, name, data) {
    const reach = (station, detail) => {
      const item = stage.querySelector(`[data-station="${station}"]`);
      item.className = 'done';
      if (!detail) return;
      const code = document.createElement('code');
      code.textContent = detail;
      item.append(code);
    };
    if (name === 'draw.committed') reach('committed', data.manifest_hash);
    else if (name === 'draw.beacon') reach('beacon', `round ${data.round}: ${data.signature}`);
    else if (name === 'draw.winner') this.#slot(stage.querySelector('.draw-slots'), data);
    else {
      reach('completed');
      stage.querySelector('[role="status"]').textContent = `All ${data.winners} winners are drawn.`;
    }
  }

  #slot(slots, { place, unit, leaf }) {
    const item = document.createElement('li');
    item.className = 'fresh';
    const [number, body, code, prize] = ['span', 'div', 'code', 'div'].map((tag) => document.createElement(tag));
    number.className = 'place';
    number.textContent = place;
    code.textContent = leaf;
    prize.className = 'won';
    prize.textContent = this.#prizes.get(bare(unit)) ?? '';
    body.append(code, prize);
    item.append(number, body);
    slots.append(item);
    slots.scrollTop = slots.scrollHeight;
  }
}

// Ids are written with a prefix in events and without one in the rules.
function bare(id) {
  return String(id).replace(/^unt_/, '').replaceAll('-', '');
}
