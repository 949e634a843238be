// <hs-copy label="Copy the link"><input readonly value="…"></hs-copy>: a button that copies what is inside,
// where the browser lets us. The value itself can be selected either way.

const SAID_FOR_MS = 2_500;

const Base = globalThis.HTMLElement ?? class {};

export class Copy extends Base {
  connectedCallback() {
    if (!navigator.clipboard || this.querySelector('button')) return;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = this.getAttribute('label') ?? 'Copy';
    const said = document.createElement('span');
    said.className = 'unseen';
    said.setAttribute('role', 'status');
    button.addEventListener('click', () => this.#copy(button, said));
    this.append(button, said);
    this.#offerToShare();
  }

  // Where the device has a way to pass links on, a second button leads there.
  #offerToShare() {
    const title = this.getAttribute('share');
    if (!title || !navigator.share) return;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Share';
    button.addEventListener('click', () => navigator.share({ title, url: this.value }).catch(() => {}));
    this.append(button);
  }

  get value() {
    const field = this.querySelector('input, textarea');
    return field ? field.value : (this.querySelector('code')?.textContent ?? '').trim();
  }

  async #copy(button, said) {
    const label = button.textContent;
    let words = 'Copied';
    try {
      await navigator.clipboard.writeText(this.value);
    } catch {
      words = 'Select and copy it';
    }
    button.textContent = words;
    said.textContent = words;
    setTimeout(() => {
      button.textContent = label;
      said.textContent = '';
    }, SAID_FOR_MS);
  }
}
