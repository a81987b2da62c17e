/** What gc may delete, as laws: nothing goes that is young, unfinished, unproved or at work. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  judgeCacheEntry,
  judgeLeavings,
  judgeRescue,
  judgeRun,
  type RetainedRun,
} from '../../src/checkpoint/retention.ts';

const NOW = 1_800_000_000_000;
const DAY = 86_400_000;

const OLD: RetainedRun = {
  run: 'x-261121-aaaa',
  status: 'passed',
  isFinished: true,
  isHalfDone: false,
  endedAtMs: NOW - 30 * DAY,
  acceptedAtMs: NOW - 20 * DAY,
  retentionMs: 7 * DAY,
  proof: { isProved: true },
  eventsBehind: 0,
};

const { acceptedAtMs: _accepted, ...NOT_ACCEPTED } = OLD;

describe('judgeRun', () => {
  test.for<{ name: string; run: RetainedRun; remove: boolean; why: string }>([
    { name: 'accepted long ago', run: OLD, remove: true, why: 'accepted 20d ago' },
    {
      name: 'accepted the day before yesterday',
      run: { ...OLD, acceptedAtMs: NOW - 2 * DAY },
      remove: false,
      why: 'accepted 2d ago, kept for 7d',
    },
    {
      name: 'never accepted, its journal committed',
      run: NOT_ACCEPTED,
      remove: true,
      why: 'wholly in its last checkpoint',
    },
    {
      name: 'never accepted, with events behind its last checkpoint',
      run: { ...NOT_ACCEPTED, eventsBehind: 2 },
      remove: false,
      why: 'not accepted, and 2 events of its journal are nowhere else',
    },
    {
      name: 'held by a living process',
      run: { ...OLD, heldBy: 'process 7 (resume x)' },
      remove: false,
      why: 'process 7 (resume x) is at work on it',
    },
    {
      name: 'waiting for a person',
      run: { ...OLD, isFinished: false, status: 'waiting' },
      remove: false,
      why: 'it has not finished (waiting)',
    },
    {
      name: 'with a rollback half done',
      run: { ...OLD, isHalfDone: true },
      remove: false,
      why: 'a rollback or accept of it was cut short',
    },
    {
      name: 'of which the branch is gone',
      run: { ...OLD, proof: { isProved: false, why: 'its branch is gone' } },
      remove: false,
      why: 'its branch is gone',
    },
    {
      name: 'accepted in the future, because the clock was set back',
      run: { ...OLD, acceptedAtMs: NOW + DAY },
      remove: false,
      why: 'accepted 0s ago',
    },
  ])('a run $name', ({ run, remove, why }) => {
    const verdict = judgeRun(run, NOW);
    expect(verdict.remove).toBe(remove);
    expect(verdict.why).toContain(why);
  });
});

const retained: fc.Arbitrary<RetainedRun> = fc
  .record(
    {
      heldBy: fc.constant('process 1'),
      damage: fc.constant('damaged'),
      status: fc.constantFrom('passed', 'failed', 'running'),
      isFinished: fc.boolean(),
      isHalfDone: fc.boolean(),
      endedAtMs: fc.integer({ min: NOW - 40 * DAY, max: NOW + DAY }),
      acceptedAtMs: fc.integer({ min: NOW - 40 * DAY, max: NOW + DAY }),
      retentionMs: fc.integer({ min: 0, max: 30 * DAY }),
      isProved: fc.boolean(),
      eventsBehind: fc.nat(2),
    },
    {
      requiredKeys: [
        'status',
        'isFinished',
        'isHalfDone',
        'retentionMs',
        'isProved',
        'eventsBehind',
      ],
    },
  )
  .map(({ isProved, ...rest }) => ({
    ...rest,
    run: 'x-261121-aaaa',
    proof: isProved ? { isProved } : { isProved, why: 'not proved' },
  }));

test('whatever goes is finished, proved, at rest, and as old as asked', () => {
  fc.assert(
    fc.property(retained, fc.boolean(), (run, isHeldElsewhere) => {
      const verdicts = [
        judgeRun(run, NOW),
        judgeLeavings(run, NOW),
        judgeRescue(run, isHeldElsewhere, NOW),
      ];
      for (const { remove, why } of verdicts) {
        expect(why).not.toBe('');
        if (!remove) continue;
        expect(run).toMatchObject({
          isFinished: true,
          isHalfDone: false,
          proof: { isProved: true },
        });
        expect(run.heldBy ?? run.damage).toBeUndefined();
        expect(NOW - (run.acceptedAtMs ?? run.endedAtMs ?? NOW)).toBeGreaterThanOrEqual(
          run.retentionMs,
        );
      }
      const [ofRun, ofLeavings, ofRescue] = verdicts;
      // What nobody accepted keeps all of its refs; a journal is dropped only when it is committed.
      if (run.acceptedAtMs === undefined) {
        expect(ofLeavings?.remove || ofRescue?.remove).toBe(false);
        if (ofRun?.remove) expect(run.eventsBehind).toBe(0);
      }
      if (ofRescue?.remove) expect(isHeldElsewhere).toBe(true);
    }),
  );
});

test('a cache entry goes by its age', () => {
  expect(judgeCacheEntry(NOW - DAY, 7 * DAY, NOW).remove).toBe(false);
  expect(judgeCacheEntry(NOW - 8 * DAY, 7 * DAY, NOW).remove).toBe(true);
});
