// <hs-follow page="/path">: something is under way. Asks for the page every few seconds and shows what it says, until
// what it says is settled: the region inside has `data-settled` then. With `reload`, it is settled when there is another
// page in its place, which is loaded.
import { showLocalTimes } from './time.js';

const EVERY_MS = 2_000;

export class Follow extends HTMLElement {
  #timer;

  connectedCallback() {
    if (!this.#isSettled) this.#wait();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  get #region() {
    return this.querySelector('[data-region]');
  }

  get #isSettled() {
    return !this.#region || this.#region.hasAttribute('data-settled');
  }

  #wait() {
    this.#timer = setTimeout(() => this.#look(), EVERY_MS);
  }

  async #look() {
    try {
      const answer = await fetch(this.getAttribute('page'), { headers: { accept: 'text/html' }, cache: 'no-store' });
      // A session that has ended leads to another page, which has nothing to show here.
      if (answer.ok && !answer.redirected) this.#show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch {
      // The next time.
    }
    if (!this.#isSettled) this.#wait();
  }

  // The region stays, so that what is new in it is read out; what is inside of it changes.
  #show(fresh) {
    const next = fresh.querySelector('hs-follow [data-region]');
    const region = this.#region;
    if (!next) {
      if (this.hasAttribute('reload')) location.reload();
      return;
    }
    showLocalTimes(next);
    if (next.isEqualNode(region)) return;
    region.toggleAttribute('data-settled', next.hasAttribute('data-settled'));
    region.replaceChildren(...next.childNodes);
  }
}
