/** Thousands of runs in virtual time, each by its seed; see simulate.ts and laws.ts. */
import { describe, expect, test } from 'vitest';
import { simulate } from './simulate.ts';

const SEEDS = process.env['ORCH_LONG_TESTS'] === '1' ? 10_000 : 2_000;
const PARTS = 10;

describe('a run in virtual time', () => {
  test.each(Array.from({ length: PARTS }, (_, part) => part))(
    `keeps every law, whatever happens to it (part %i of ${PARTS})`,
    { timeout: 300_000 },
    (part) => {
      for (let seed = part; seed < SEEDS; seed += PARTS) {
        expect(simulate(seed, { everyEvent: seed % 100 === 0 }).events.length).toBeGreaterThan(1);
      }
    },
  );
});
