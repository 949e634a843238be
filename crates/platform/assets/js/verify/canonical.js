// JSON in the form of RFC 8785. That standard is made of what ECMAScript does anyway: numbers and strings are written
// as JSON.stringify writes them, and members are sorted by UTF-16 code units, as Array.sort sorts.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}
