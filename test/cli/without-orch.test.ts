/** What `orch status` and `orch show` say of work whose orch is gone: it goes on, has ended, or is lost. */
import { expect, onTestFinished, test } from 'vitest';
import { outcomeOf, runOrch, runOrchJson, startOrch } from '../rig/cli.ts';
import { killMarked } from '../rig/processes.ts';
import { makeRepository } from '../rig/repository.ts';
import { readOnlyRun, untilRun } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

test('work goes on without orch, ends unread or is lost, and that is what is said', async () => {
  const steering = await openSteering(makeTemporaryFolder());
  const repository = makeRepository();
  onTestFinished(async () => {
    await killMarked({ ORCH_RUN: readOnlyRun(repository).state.run });
    repository[Symbol.dispose]();
  });
  const steps = ['alive', 'ended', 'lost'].map(
    (name) => `  ${name}: { run: "${steering.command(name)}" }\n`,
  );
  repository.write('w.yaml', `name: w\nconcurrency: 3\nsteps:\n${steps.join('')}`);
  const at = { cwd: repository.top };
  const orch = startOrch(['run', 'w.yaml', '--json'], at);
  const outcome = outcomeOf(orch);
  const [alive, ended] = [await steering.started('alive'), await steering.started('ended')];
  const lost = await steering.started('lost');
  const { state } = await untilRun(repository, (now) => now.state.running.size === 3);
  orch.kill('SIGKILL');
  await outcome;
  const slot = state.steps[state.indexOf.get('lost') ?? -1]?.attempts[0]?.slot ?? -1;
  process.kill(state.keepers.get(slot)?.pid ?? Number.NaN, 'SIGKILL');
  await lost.killSelf('SIGKILL');
  await ended.exit(3);

  const fates = async () => {
    const { document } = await runOrchJson(['status'], at);
    const { runs } = document as { runs: [{ running: { name: string; fate: string }[] }] };
    return Object.fromEntries(runs[0].running.map(({ name, fate }) => [name, fate]));
  };
  const expected = { alive: 'alive', ended: 'ended', lost: 'gone' };
  await expect.poll(fates, { timeout: 20_000 }).toEqual(expected);
  const { stdout } = await runOrch(['status'], at);
  expect(stdout).toMatch(/ {2}goes on without orch: alive \(\d+s\)\n/);
  expect(stdout).toContain('  ended meanwhile, with exit code 3: ended\n');
  expect(stdout).toContain('  was lost with orch: lost\n');
  const shown = await runOrch(['show'], at);
  expect(shown.stdout).toMatch(/alive +running +1 +goes on without orch/);
  await alive.exit(0);
});

test('an approval that has its answer waits for the resume, not for a person', async () => {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('w.yaml', 'name: w\nsteps: { ok: { approval: { message: go? } } }\n');
  const at = { cwd: repository.top };
  await runOrch(['run', 'w.yaml'], at);
  const { run } = readOnlyRun(repository).state;
  const before = await runOrch(['status'], at);
  expect(before.stdout).toContain(`  waits for you: ok: go?\n  next: orch approve ${run} ok\n`);
  await runOrch(['approve', run, 'ok'], at);
  const after = await runOrch(['status'], at);
  expect(after.stdout).toContain(`  has its answer: ok: go?\n  next: orch resume ${run}\n`);
});
