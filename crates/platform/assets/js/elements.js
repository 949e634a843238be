// Elements that only a few pages need: loaded where one of them stands, also when it came in later.

const ON_DEMAND = {
  'hs-live': async () => (await import('./live.js')).Live,
  'hs-draw': async () => (await import('./draw.js')).Draw,
  'hs-verify': async () => (await import('./verify/page.js')).Verify,
  'hs-follow': async () => (await import('./follow.js')).Follow,
  'hs-zoned': async () => (await import('./zoned.js')).Zoned,
  'hs-file': async () => (await import('./file.js')).FileText,
  'hs-embedded': async () => (await import('./frame.js')).Embedded,
};

export async function loadElements(root) {
  for (const [name, load] of Object.entries(ON_DEMAND)) {
    if (customElements.get(name) || !root.querySelector(name)) continue;
    const element = await load();
    if (!customElements.get(name)) customElements.define(name, element);
  }
}
