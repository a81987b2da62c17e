/** What to type next, below an answer: a hint, so `--quiet` leaves it out. */
export interface Reader {
  readonly quiet: boolean;
}

/** @param next null where there is nothing to type */
export function nextLine({ quiet }: Reader, next: string | null, indent = ''): string[] {
  return quiet || next === null ? [] : [`${indent}next: ${next}`];
}
