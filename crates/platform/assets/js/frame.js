// <hs-embedded>: tells the page around the frame how high this one is. Nothing else leaves the frame.

const Base = globalThis.HTMLElement ?? class {};

export class Embedded extends Base {
  connectedCallback() {
    if (parent === window) return;
    // Anybody may frame this page and learn its height: it has nothing in it that is not public.
    const tell = () => parent.postMessage({ handsel: { height: document.documentElement.offsetHeight } }, '*');
    new ResizeObserver(tell).observe(document.documentElement);
    tell();
  }
}
