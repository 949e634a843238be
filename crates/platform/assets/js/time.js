// Times in the visitor's zone. The page has them in UTC, which stays in the title and is what is read where
// scripts do not run.

const FORM = { day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };

// A time as people at this place read it, or nothing if it is none.
export function localTime(iso, { locale = 'en-GB', timeZone } = {}) {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return undefined;
  const form = time.getUTCSeconds() === 0 ? FORM : { ...FORM, second: '2-digit' };
  return new Intl.DateTimeFormat(locale, { ...form, timeZone }).format(time).replace(' at ', ', ');
}

export function showLocalTimes(root) {
  for (const element of root.querySelectorAll('time[datetime]:not([data-utc])')) {
    const local = localTime(element.dateTime);
    if (!local) continue;
    element.dataset.utc = element.textContent;
    element.title = element.textContent;
    element.textContent = local;
  }
}
