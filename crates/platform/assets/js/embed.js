// For other sites: <script src="https://gifts.example.org/embed.js" data-giveaway="gvw_…" async></script>
// puts the giveaway there, in an iframe that is as high as its content.
(() => {
  const script = document.currentScript;
  const giveaway = script?.dataset.giveaway ?? '';
  if (!/^gvw_[0-9A-Za-z-]+$/.test(giveaway)) return;
  const origin = new URL(script.src).origin;
  const frame = document.createElement('iframe');
  frame.src = `${origin}/embed/${giveaway}`;
  frame.title = script.dataset.title ?? 'Giveaway';
  frame.loading = 'lazy';
  frame.width = '100%';
  frame.height = '320';
  frame.style.border = '0';
  frame.style.maxWidth = '40rem';
  frame.style.colorScheme = 'light dark';
  addEventListener('message', (event) => {
    if (event.origin !== origin || event.source !== frame.contentWindow) return;
    const height = Number(event.data?.handsel?.height);
    if (height > 0 && height < 4_000) frame.height = String(Math.ceil(height));
  });
  script.after(frame);
})();
