/** The last words of a run, over runs that chance made: one line each, and a next step that fits. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sealedRef } from '../../src/checkpoint/layout.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import { leftOutFiles, newestCheckpoints, summarise } from '../../src/run/summary.ts';
import { renderReport } from '../../src/view/report.ts';
import { renderSummary, shellWord } from '../../src/view/summary-text.ts';
import { chanceRuns, freshState } from './chance-run.ts';

describe('over runs that chance made', () => {
  test('every end is told in lines, with what to type next unless people want quiet', () => {
    fc.assert(
      fc.property(chanceRuns, fc.nat(), fc.boolean(), (run, moment, isQuiet) => {
        const state = freshState(run);
        for (const event of run.events.slice(0, 1 + (moment % run.events.length)))
          applyEvent(state, event);
        const first = state.waves[0];
        if (first) first.leftOut = [{ path: 'big\u0007.bin', reason: 'too_large', size_bytes: 9 }];
        const branch = `orch/${state.run}`;
        const summary = summarise(state, { branch, sealedRef }, state.atMs);
        const text = renderSummary(state, summary, { quiet: isQuiet });
        expect(text.startsWith(`${state.status}: ${state.run}, `)).toBe(true);
        expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f]|undefined|NaN/);
        expect(text.includes('next: ')).toBe(!isQuiet);
        expect(summary.left_out).toEqual(leftOutFiles(state));
        const waves = newestCheckpoints(state).map(({ wave }) => wave);
        expect(waves).toEqual([...new Set(waves)].sort((a, b) => a - b));
        const failed = state.steps.filter(({ status }) => status === 'failed').length;
        expect(text.split('\n').filter((line) => line.startsWith('  failed: '))).toHaveLength(
          Math.min(failed, summary.steps.failed),
        );
        const report = renderReport(state, state.status);
        expect(report).toContain(`: ${state.status}\n`);
        expect(report).toContain('Not in the checkpoints: big');
      }),
      { numRuns: 150 },
    );
  });
});

test('a word is quoted for the shell where it has to be', () => {
  expect([shellWord('a/b@1'), shellWord("it's"), shellWord('a b')]).toEqual([
    'a/b@1',
    "'it'\\''s'",
    "'a b'",
  ]);
});
