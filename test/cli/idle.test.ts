/** While steps do their work, orch does almost nothing: also when it has adopted them. */
import { existsSync, readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { outcomeOf, startOrch } from '../rig/cli.ts';
import { cpuShare } from '../rig/cpu.ts';
import { killMarked } from '../rig/processes.ts';
import { makeRepository } from '../rig/repository.ts';
import { untilRun } from '../rig/runs.ts';

/** The budget is 0.01, measured by bench/idle.ts; a busy machine makes each wake-up dearer. */
const MOST = 0.03;
const STEPS = 8;

test.skipIf(!existsSync('/proc/self/stat'))(
  'while all steps wait, it uses next to no CPU time, and no more after it was killed and resumed',
  async () => {
    const repository = makeRepository();
    onTestFinished(async () => {
      for (const run of readdirSync(repository.path('.git/orch/runs')))
        await killMarked({ ORCH_RUN: run });
      repository[Symbol.dispose]();
    });
    const steps = Array.from({ length: STEPS }, (_, n) => `  s${n}: { run: sleep 600 }`);
    repository.write('w.yaml', `name: w\nconcurrency: ${STEPS}\nsteps:\n${steps.join('\n')}\n`);
    const at = { cwd: repository.top };
    const orch = startOrch(['run', 'w.yaml'], at);
    const ended = outcomeOf(orch);
    await untilRun(repository, ({ state }) => state.running.size === STEPS);
    expect(await cpuShare(orch.pid ?? 0, 4_000), 'running').toBeLessThan(MOST);
    orch.kill('SIGKILL');
    await ended;

    const again = startOrch(['resume'], at);
    const endedAgain = outcomeOf(again);
    await untilRun(repository, ({ state }) => state.epoch === 2);
    expect(await cpuShare(again.pid ?? 0, 4_000), 'resumed').toBeLessThan(MOST);
    again.kill('SIGINT');
    expect((await endedAgain).code).toBe(130);
  },
);
