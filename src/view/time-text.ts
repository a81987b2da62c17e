/** Times as people read them. Which clock they come from is the caller's business. */

/** `0s`, `12.5s`, `3m 20s`, `2h 5m`, `3d 4h`: exact below a minute, for people above. */
export function durationText(measuredMs: number): string {
  const durationMs = Math.max(0, measuredMs); // By a clock that was set back meanwhile.
  if (durationMs < 60_000) return `${Math.round(durationMs) / 1000}s`;
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 3600) return joinUnits(Math.floor(seconds / 60), 'm', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 2 * 1440) return joinUnits(Math.floor(minutes / 60), 'h', minutes % 60, 'm');
  return joinUnits(Math.floor(minutes / 1440), 'd', Math.floor((minutes % 1440) / 60), 'h');
}

/** As durationText, without fractions of a second: for what is redrawn all the time. */
export function elapsedText(durationMs: number): string {
  return durationText(Math.max(0, Math.floor(durationMs / 1000) * 1000));
}

/** `3m ago`; `just now` below two seconds and for what lies ahead because clocks differ. */
export function agoText(atMs: number, nowMs: number): string {
  const ageMs = nowMs - atMs;
  if (!Number.isFinite(ageMs)) return '';
  if (ageMs < 2_000) return 'just now';
  const [largest = ''] = elapsedText(ageMs).split(' ');
  return `${largest} ago`;
}

function joinUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit} ${small}${smallUnit}`;
}
