// <hs-zoned> around a label, an <input type="datetime-local"> and a help text: the page has the time in UTC, somebody
// thinks in the time of where they are. What is shown is theirs; what is sent is UTC.

const pad = (n) => String(n).padStart(2, '0');

// `2027-01-31T18:00` in UTC, as it is on clocks here.
export function toLocal(utc) {
  const at = new Date(`${utc}Z`);
  if (Number.isNaN(at.getTime())) return '';
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

// The same, back.
export function toUtc(local) {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? '' : at.toISOString().slice(0, 16);
}

const Base = globalThis.HTMLElement ?? class {};

export class Zoned extends Base {
  connectedCallback() {
    const field = this.querySelector('input[type="datetime-local"][name]');
    if (!field) return;
    const sent = document.createElement('input');
    sent.type = 'hidden';
    sent.name = field.name;
    sent.value = field.value;
    field.removeAttribute('name');
    field.value = toLocal(sent.value);
    field.after(sent);
    const help = this.querySelector('.help');
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const tell = () => {
      help.textContent = sent.value ? `Time in ${zone}: ${sent.value.slice(0, 10)} ${sent.value.slice(11)} UTC` : `Time in ${zone}`;
    };
    field.addEventListener('input', () => {
      sent.value = toUtc(field.value);
      tell();
    });
    tell();
  }
}
