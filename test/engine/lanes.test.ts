import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Lanes } from '../../src/engine/lanes.ts';

test('so many at once, in the order in which they came, whatever fails on the way', async () => {
  const lanes = new Lanes(2);
  const begun: number[] = [];
  let atWork = 0;
  let most = 0;
  const jobs = [1, 2, 3, 4, 5, 6].map((nth) =>
    lanes.run(async () => {
      begun.push(nth);
      atWork += 1;
      most = Math.max(most, atWork);
      await delay(nth % 2 === 0 ? 3 : 1);
      atWork -= 1;
      if (nth === 3) throw new Error('three');
      return nth;
    }),
  );
  const ends = await Promise.allSettled(jobs);
  expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : 'failed'))).toEqual([
    1,
    2,
    'failed',
    4,
    5,
    6,
  ]);
  expect(begun).toEqual([1, 2, 3, 4, 5, 6]);
  expect(most).toBe(2);
});
