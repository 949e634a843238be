// Our elements. A page works without any of them; they make it live.
import { Celebrate } from './celebrate.js';
import { Copy } from './copy.js';
import { Countdown } from './countdown.js';
import { loadElements } from './elements.js';
import { showLocalTimes } from './time.js';

customElements.define('hs-copy', Copy);
customElements.define('hs-countdown', Countdown);
customElements.define('hs-celebrate', Celebrate);
showLocalTimes(document);
loadElements(document);
