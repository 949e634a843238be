// <hs-celebrate>: a handful of paper falls once. Nothing moves for who has asked for less motion.

const PIECES = 36;

const Base = globalThis.HTMLElement ?? class {};

export class Celebrate extends Base {
  connectedCallback() {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches || !this.animate) return;
    this.setAttribute('aria-hidden', 'true');
    for (let n = 0; n < PIECES; n += 1) this.append(this.#piece());
  }

  #piece() {
    const piece = document.createElement('i');
    piece.style.left = `${Math.random() * 100}%`;
    const drift = (Math.random() - 0.5) * 240;
    const fall = piece.animate(
      [
        { transform: 'translate(0, 0) rotate(0)', opacity: 1 },
        { transform: `translate(${drift}px, 70vh) rotate(${Math.random() * 900}deg)`, opacity: 1, offset: 0.8 },
        { transform: `translate(${drift * 1.2}px, 95vh) rotate(${Math.random() * 1200}deg)`, opacity: 0 },
      ],
      { duration: 2_200 + Math.random() * 1_400, delay: Math.random() * 500, easing: 'cubic-bezier(0.3, 0.2, 0.6, 1)', fill: 'both' },
    );
    fall.finished.then(() => piece.remove(), () => piece.remove());
    return piece;
  }
}
