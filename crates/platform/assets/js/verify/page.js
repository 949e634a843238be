// <hs-verify>: the verifier on its page. Takes a transcript that is dropped, chosen, or named in the address
// (`?giveaway=gvw_…`); reads it here, and sends nothing anywhere.
import { verify } from './verify.js';

const VERDICTS = {
  accepted: ['The draw is right', 'Every step holds. What it rests on is said below.'],
  sandbox: ['The draw was computed right, and was a rehearsal', 'Every step holds, but the random number came from a local test beacon, which proves nothing about fairness.'],
  rejected: ['This is not right', 'The first step that does not hold is named below; what comes after it was not looked at.'],
};
const TONES = { proven: ['done', 'Proven'], trusted: ['', 'Rests on trust'], warning: ['wait', 'Look here'], failed: ['over', 'Not so'] };
const NAMES = {
  format: 'The document', key: 'Whose signatures these are', signature: 'The commitment is signed', chain: 'Which beacon decides',
  rules: 'The rules', schedule: 'The round follows from the rules', commitment_time: 'When the commitment was made',
  leaves: 'The entries', root: 'They are those committed to', beacon: 'The random number', draw: 'The winners follow',
  successions: 'Replacements', receipt: 'Your entry', beacon_operators: 'The beacon’s operators', completeness: 'Nothing is missing', entrants: 'The entries are people',
};

export class Verify extends HTMLElement {
  #bytes;

  connectedCallback() {
    const form = this.querySelector('form');
    const drop = this.querySelector('.drop');
    this.querySelectorAll('[data-with-script]').forEach((element) => (element.hidden = false));
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', () => this.#run());
    for (const name of ['dragover', 'dragleave', 'drop']) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.toggle('over', name === 'dragover');
        if (name === 'drop' && event.dataTransfer.files[0]) this.#take(event.dataTransfer.files[0]);
      });
    }
    form.elements.transcript.addEventListener('change', ({ target }) => target.files[0] && this.#take(target.files[0]));
    const url = this.getAttribute('transcript');
    if (url) this.#fetch(url);
  }

  async #take(file) {
    this.#bytes = new Uint8Array(await file.arrayBuffer());
    this.#run();
  }

  async #fetch(url) {
    this.#say('Fetching the transcript…');
    const answer = await fetch(url).catch(() => undefined);
    if (!answer?.ok) return this.#say('There is no transcript of this giveaway yet: it is published with the draw.');
    this.#bytes = new Uint8Array(await answer.arrayBuffer());
    return this.#run();
  }

  async #run() {
    if (!this.#bytes) return;
    const { seen, key, receipt } = this.querySelector('form').elements;
    const known = { seen: seen.value.trim().toLowerCase() || undefined, key: key.value.trim().toLowerCase() || undefined };
    this.#say('Checking…');
    // Lets the words be seen before a large draw takes the page's time.
    await new Promise((go) => setTimeout(go, 30));
    try {
      if (receipt.files[0]) known.receipt = JSON.parse(await receipt.files[0].text());
    } catch {
      return this.#say('The receipt is not a file that this page can read.');
    }
    return this.#show(verify(this.#bytes, known));
  }

  // What the page shows anyway is said to ears only.
  #say(words, isShown = false) {
    const status = this.querySelector('[role="status"]');
    status.className = isShown ? 'unseen' : 'quiet';
    status.textContent = words;
  }

  #show(report) {
    const [title, text] = VERDICTS[report.verdict];
    const verdict = make('div', `verdict ${report.verdict}`, make('h2', '', title), make('p', '', text));
    if (report.manifest) verdict.append(make('p', 'small', 'Commitment ', make('code', 'hash', report.manifest)));
    const steps = make('ol', 'steps');
    steps.setAttribute('role', 'list');
    for (const { step, finding, text: found } of report.steps) {
      const [tone, word] = TONES[finding];
      steps.append(make('li', '', make('span', `tag ${tone}`, word), make('h3', '', NAMES[step]), make('p', '', sentence(found))));
    }
    const result = this.querySelector('.result');
    result.replaceChildren(verdict, steps);
    if (report.winners.length > 0) {
      const list = make('ol', 'winners', ...report.winners.map(({ winner }, n) => make('li', '', `${n + 1}. `, make('code', '', winner ?? 'nobody'))));
      list.setAttribute('role', 'list');
      list.tabIndex = 0;
      list.setAttribute('aria-label', 'Who holds the prizes, in their order');
      result.append(make('h2', '', 'Who holds the prizes'), list);
    }
    this.#say(title, true);
    this.dispatchEvent(new CustomEvent('hs-verified', { detail: report, bubbles: true }));
  }
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}
