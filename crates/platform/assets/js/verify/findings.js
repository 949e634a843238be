// What a step may find. A step that fails throws its reason.
export const proven = (text) => ({ finding: 'proven', text });
export const trusted = (text) => ({ finding: 'trusted', text });
export const warning = (text) => ({ finding: 'warning', text });

export function demand(holds, reason) {
  if (!holds) throw new Error(reason);
}
