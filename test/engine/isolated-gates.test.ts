/**
 * Gates of isolated runs: they look at the sealed wave in a worktree of their own while later steps
 * go on, and when one fails, what was built on its wave is cancelled and taken back. All commands are
 * steered, so what overlaps here overlaps every time.
 */
import { describe, expect, test, vi } from 'vitest';
import { outcomeOf } from '../rig/cli.ts';
import { asRunOutcome, untilRun } from '../rig/runs.ts';
import { openSteering, type Steering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';
import { expectAllFreed, type IsolatedStage, makeIsolated } from './isolated-stage.ts';

// Whole runs, with dozens of processes each.
vi.setConfig({ testTimeout: 300_000 });

async function makeSteered(): Promise<{
  readonly stage: IsolatedStage;
  readonly steering: Steering;
}> {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  return { stage, steering: await openSteering(makeTemporaryFolder()) };
}

const status = (stage: IsolatedStage, id: string, wanted: string) =>
  untilRun(stage.repository, ({ state }) => {
    const node = state.nodes.find((candidate) => candidate.id === id);
    return node !== undefined && state.steps[node.index]?.status === wanted;
  });

describe('a gate of an isolated run', () => {
  test('looks at the sealed wave while steps of the next one run and are merged', async () => {
    const { stage, steering } = await makeSteered();
    const child = stage.start(`
concurrency: 4
steps:
  build: { wave: 1, run: 'echo built > built.txt' }
  quick: { wave: 2, needs: [build], run: "${steering.command('quick')}" }
  slow: { wave: 2, needs: [build], run: "echo slow > slow.txt; ${steering.command('slow')}" }
gates:
  - { name: look, level: light, run: "ls > $NOTES/seen-$ORCH_WAVE; echo litter > litter.txt; ${steering.command('look')}" }
`);
    const outcome = outcomeOf(child);
    const gate = await steering.started('look');
    const quick = await steering.started('quick'); // While the gate is under way.
    const slow = await steering.started('slow');
    await quick.exit(0);
    await status(stage, 'quick', 'passed');
    await gate.exit(0);
    await untilRun(stage.repository, ({ state }) =>
      state.checkpoints.some(({ wave }) => wave === 1),
    );
    await slow.exit(0); // The wave before has its checkpoint while this one is open.
    await (await steering.started('look')).exit(0);
    const run = stage.asRun(asRunOutcome(await outcome));
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect(stage.notes('seen-1')).toEqual(['a.txt', 'built.txt']);
    expect(stage.notes('seen-2')).toEqual(['a.txt', 'built.txt', 'slow.txt']);
    expect(run.file('slow.txt')).toBe('slow');
    expect(run.file('litter.txt')).toBeUndefined();
    expectAllFreed(stage);
  });

  test('that fails cancels what runs on its wave and takes back what was merged since', async () => {
    const { stage, steering } = await makeSteered();
    const child = stage.start(`
concurrency: 4
steps:
  build: { wave: 1, run: 'echo built > built.txt' }
  quick: { wave: 2, needs: [build], run: 'echo quick > quick.txt' }
  slow: { wave: 2, needs: [build], run: "echo slow > slow.txt; ${steering.command('slow')}" }
  last: { wave: 2, needs: [quick, slow], run: 'echo last > last.txt' }
gates:
  - { name: look, level: light, run: "${steering.command('look')}" }
`);
    const outcome = outcomeOf(child);
    const gate = await steering.started('look');
    const slow = await steering.started('slow');
    await status(stage, 'quick', 'passed');
    await gate.exit(1);
    await slow.ended;
    const run = stage.asRun(asRunOutcome(await outcome));
    expect(run.code).toBe(1);
    expect(run.of('wave.invalidated')).toMatchObject([{ wave: 2, gate: 'look' }]);
    const merged = `refs/orch/merged/${run.run}`;
    expect(run.fileAt(merged, 'built.txt')).toBe('built');
    for (const path of ['quick.txt', 'slow.txt']) expect(run.fileAt(merged, path)).toBeUndefined();
    // All of it is in refs nevertheless.
    expect(run.fileAt(`refs/orch/attempts/${run.run}/quick/1`, 'quick.txt')).toBe('quick');
    expect(run.ends('slow')).toMatchObject([{ status: 'cancelled' }]);
    expect(run.fileAt(`refs/orch/attempts/${run.run}/slow/1`, 'slow.txt')).toBe('slow');
    expect(stage.repository.git('log', '--format=%s', merged)).toContain('orch: merge quick');
    expectAllFreed(stage);
  });

  test('with retry has the steps of its wave done again, with what it said', async () => {
    const { stage, steering } = await makeSteered();
    const child = stage.start(`
concurrency: 4
steps:
  build: { wave: 1, run: 'ls >> $NOTES/seen; cat "$ORCH_EVIDENCE_FILE" >> $NOTES/evidence; echo built > built.txt; echo $ORCH_ATTEMPT > try.txt' }
  quick: { wave: 2, needs: [build], run: 'cat try.txt > quick.txt' }
  slow: { wave: 2, needs: [build], run: "${steering.command('slow')}" }
gates:
  - { name: look, level: light, retry: { max_attempts: 2, backoff: 10ms }, run: "${steering.command('look')}" }
`);
    const outcome = outcomeOf(child);
    const gate = await steering.started('look');
    const slow = await steering.started('slow');
    await status(stage, 'quick', 'passed');
    await gate.printError('the wall is crooked\n');
    await gate.exit(1);
    await slow.ended;
    await (await steering.started('look')).exit(0);
    await (await steering.started('slow')).exit(0);
    await (await steering.started('look')).exit(0);
    const run = stage.asRun(asRunOutcome(await outcome));
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect(run.of('wave.invalidated').map(({ wave }) => wave)).toEqual([1, 2]);
    // The second time it began on what was there before the wave.
    expect(stage.notes('seen')).toEqual(['a.txt', 'a.txt']);
    expect(stage.notes('evidence').join('\n')).toContain('the wall is crooked');
    expect([run.file('try.txt'), run.file('quick.txt')]).toEqual(['2', '2']);
    expect(run.ends('slow').map(({ failure }) => failure?.kind)).toEqual([
      'interrupted',
      undefined,
    ]);
    expectAllFreed(stage);
  });
});
