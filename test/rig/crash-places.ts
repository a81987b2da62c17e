/** Where a program can be killed, as ORCH_CRASH_RECORD has told it. */
import { readFileSync, rmSync } from 'node:fs';

/**
 * The places that a program has passed, as `name#n`, without those that find on disk what the one before
 * them has left: right after an effect (`x:after`) nothing has changed before the next one (`y:before`).
 * @param record the file that ORCH_CRASH_RECORD named; removed
 */
export function readPlaces(record: string): string[] {
  const names = readFileSync(record, 'utf8').trim().split('\n');
  rmSync(record);
  const hits = new Map<string, number>();
  return names.flatMap((name, at) => {
    const hit = (hits.get(name) ?? 0) + 1;
    hits.set(name, hit);
    const isRepeat = name.endsWith(':before') && names[at - 1]?.endsWith(':after') === true;
    return isRepeat ? [] : [`${name}#${hit}`];
  });
}
