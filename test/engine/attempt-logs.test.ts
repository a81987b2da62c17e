/** Which output is meant: by step, by gate, by attempt, over runs that chance made. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attemptsOf, leavesOf, selectLogs } from '../../src/engine/attempt-logs.ts';
import { runFiles } from '../../src/engine/run-files.ts';
import { isLeaf } from '../../src/plan/graph.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import { chanceRuns, freshState } from '../view/chance-run.ts';

const FILES = runFiles('/git', 'r');
const ALL = { step: undefined, gate: undefined, attempt: undefined };

describe('over runs that chance made', () => {
  test('every attempt is told once, in the order in which they began', () => {
    fc.assert(
      fc.property(chanceRuns, (run) => {
        const state = freshState(run);
        for (const event of run.events) applyEvent(state, event);
        const leaves = state.nodes.filter(isLeaf);
        const ofSteps = leaves.flatMap(({ index }) => state.steps[index]?.attempts ?? []);
        const gates = state.waves.flatMap((wave) => wave.gates);
        const sources = selectLogs(state, FILES, ALL);
        expect(sources).toHaveLength(
          ofSteps.length + gates.flatMap(({ attempts }) => attempts).length,
        );
        const begun = sources.map(({ startedAt }) => startedAt);
        expect(begun).toEqual([...begun].sort());
        const folders = sources.map(({ folder }) => folder);
        expect(new Set(folders).size).toBe(folders.length);
        const firsts = selectLogs(state, FILES, { ...ALL, attempt: 1 });
        expect(firsts.every(({ attempt }) => attempt === 1)).toBe(true);
        for (const name of new Set(gates.map((gate) => gate.name))) {
          const own = selectLogs(state, FILES, { ...ALL, gate: name });
          expect(own.every((source) => source.kind === 'gate' && source.name === name)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('an id stands for the leaves below it, each of them once', () => {
    fc.assert(
      fc.property(chanceRuns, (run) => {
        const state = freshState(run);
        for (const event of run.events) applyEvent(state, event);
        for (const { id, index, kind } of state.nodes) {
          const leaves = leavesOf(state, id);
          expect(new Set(leaves).size).toBe(leaves.length);
          if (kind === 'step') expect(leaves).toEqual([index]);
          const own = selectLogs(state, FILES, { ...ALL, step: id });
          const names = new Set(leaves.map((leaf) => state.nodes[leaf]?.id));
          expect(own.every((source) => source.kind === 'step' && names.has(source.name))).toBe(
            true,
          );
          const most = attemptsOf(state, id);
          if (leaves.length !== 1) expect(most).toBe(Number.POSITIVE_INFINITY);
          else expect(most).toBeGreaterThanOrEqual(own.length);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('what is not there is told with what is near', () => {
    const [run] = fc.sample(chanceRuns, { numRuns: 1, seed: 7 });
    if (run === undefined) throw new Error('no run');
    const state = freshState(run);
    const [first] = state.nodes;
    expect(() => leavesOf(state, `${first?.id}x`)).toThrow(/has no step/);
    expect(() => leavesOf(state, 'quite another name')).toThrow(/orch show/);
    expect(() => selectLogs(state, FILES, { ...ALL, gate: 'nothing' })).toThrow(
      /no gate "nothing"/,
    );
  });
});
