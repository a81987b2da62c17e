/**
 * A step that waits for a person: the run goes on with everything else, ends as `waiting` only when
 * there is nothing else, and the first answer is the one that counts.
 */
import { existsSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { outcomeOf, runOrch, runOrchJson, startOrch } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';
import { asRunOutcome, runToEnd, untilRun } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const RELEASE = `
name: release
steps:
  build: { run: echo built > built }
  ship: { needs: [build], approval: { message: Ship it? } }
  publish: { needs: [ship], run: echo out > published }
`;

function makeRelease(workflow = RELEASE) {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('release.yaml', workflow);
  return repository;
}

describe('a run that waits', () => {
  test('ends with 75, goes on when it is approved and resumed, and passes', async () => {
    const repository = makeRelease();
    const waiting = await runToEnd(repository, 'run', 'release.yaml');
    expect(waiting).toMatchObject({ code: 75, summary: { status: 'waiting' } });
    expect(existsSync(repository.path('published'))).toBe(false);

    const { run } = waiting;
    const approved = await runOrchJson(['approve', run, 'ship', '-m', 'looks good'], {
      cwd: repository.top,
    });
    const next = `orch resume ${run}`;
    expect(approved).toMatchObject({ code: 0, document: { run, taken_up: false, next } });

    const resumed = await runToEnd(repository, 'resume', run);
    expect(resumed).toMatchObject({ code: 0, summary: { status: 'passed' } });
    const answers = resumed.events.filter(({ type }) => type === 'request.received');
    expect(answers).toMatchObject([{ request: 'approve', step: 'ship', message: 'looks good' }]);
    expect(existsSync(repository.path('published'))).toBe(true);
  });

  test('waits again when it is resumed without an answer', async () => {
    const repository = makeRelease();
    await runToEnd(repository, 'run', 'release.yaml');
    const again = await runToEnd(repository, 'resume');
    expect(again).toMatchObject({ code: 75, summary: { status: 'waiting' } });
  });

  test('fails when it is rejected, with the reason', async () => {
    const repository = makeRelease();
    const { run } = await runToEnd(repository, 'run', 'release.yaml');
    const rejected = await runOrch(['reject', run, 'ship', '--message', 'no changelog'], {
      cwd: repository.top,
    });
    expect(rejected).toMatchObject({ code: 0, stderr: '' });
    expect(rejected.stdout).toBe(`rejected: step ship of ${run}\n  next: orch resume ${run}\n`);

    const resumed = await runToEnd(repository, 'resume', run);
    expect(resumed).toMatchObject({ code: 1, summary: { status: 'failed' } });
    const end = resumed.events.find(({ type }) => type === 'step.finished');
    const failure = { kind: 'rejected', message: 'rejected: no changelog' };
    expect(end).toMatchObject({ step: 'ship', status: 'failed', failure });
    expect(existsSync(repository.path('published'))).toBe(false);
  });

  test('fails when nobody answered in time, by the clock on the wall', async () => {
    const repository = makeRelease(
      RELEASE.replace('message: Ship it?', 'message: Ship it?, timeout: 200ms'),
    );
    const { events } = await runToEnd(repository, 'run', 'release.yaml');
    const asked = events.find(({ type }) => type === 'step.waiting');
    const until = asked?.type === 'step.waiting' ? Date.parse(asked.until ?? '') : Number.NaN;
    while (Date.now() <= until) await new Promise((resolve) => setTimeout(resolve, 20));
    const tooLate = await runOrchJson(['approve', '@latest', 'ship'], { cwd: repository.top });
    expect(tooLate).toMatchObject({ code: 4, document: { error: { code: 'ORCH_NOT_WAITING' } } });
    const late = await runToEnd(repository, 'resume');
    expect(late).toMatchObject({ code: 1, summary: { status: 'failed' } });
    const end = late.events.find(({ type }) => type === 'step.finished');
    expect(end).toMatchObject({ step: 'ship', failure: { kind: 'timeout' } });
  });
});

test('a run that has other work takes an answer up at once, and never ends as waiting', async () => {
  const steering = await openSteering(makeTemporaryFolder());
  const repository = makeRelease(`
name: release
concurrency: 2
steps:
  side: { run: "${steering.command('side')}" }
  ship: { approval: { message: Ship it? } }
  publish: { needs: [ship], run: echo out > published }
`);
  const child = startOrch(['run', 'release.yaml', '--json'], { cwd: repository.top });
  const outcome = outcomeOf(child);
  const side = await steering.started('side');
  const { state } = await untilRun(repository, (run) => run.state.waiting.size === 1);

  const approved = await runOrchJson(['approve', state.run, 'ship'], { cwd: repository.top });
  expect(approved).toMatchObject({ code: 0, document: { taken_up: true, next: null } });
  await untilRun(repository, (run) => run.state.counts.passed === 2);
  await side.exit(0);

  const { code, summary, events } = asRunOutcome(await outcome);
  expect({ code, status: summary.status }).toEqual({ code: 0, status: 'passed' });
  expect(events.map(({ type }) => type)).not.toContain('run.waiting');
});

describe('an answer is refused', () => {
  test.for([
    {
      name: 'for a step that does not exist, with the near miss',
      step: 'shipp',
      error: { code: 'ORCH_NO_SUCH_STEP', fix: 'did you mean "ship"?' },
      code: 2,
    },
    {
      name: 'for a step that has ended',
      step: 'build',
      error: { code: 'ORCH_NOT_WAITING', fix: 'these wait: ship' },
      code: 4,
    },
    {
      name: 'for a step whose turn has not come',
      step: 'publish',
      error: { code: 'ORCH_NOT_WAITING', fix: 'these wait: ship' },
      code: 4,
    },
    {
      name: 'for a name that every object has',
      step: '__proto__',
      error: { code: 'ORCH_NO_SUCH_STEP' },
      code: 2,
    },
  ])('$name', async ({ step, error, code }) => {
    const repository = makeRelease();
    const { run } = await runToEnd(repository, 'run', 'release.yaml');
    const refused = await runOrchJson(['approve', run, step], { cwd: repository.top });
    expect(refused).toMatchObject({ code, document: { error } });
  });

  test('when there is one: of two at the same time one wins, and later ones hear of it', async () => {
    const repository = makeRelease();
    const { run } = await runToEnd(repository, 'run', 'release.yaml');
    const at = { cwd: repository.top };
    const both = await Promise.all([
      runOrchJson(['approve', run, 'ship'], at),
      runOrchJson(['reject', run, 'ship'], at),
    ]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 4]);
    const winner = both[0].code === 0 ? 'passed' : 'failed';
    const resumed = await runToEnd(repository, 'resume', run);
    expect(resumed.summary.status).toBe(winner);
    const late = await runOrchJson(['approve', run, 'ship'], at);
    expect(late).toMatchObject({ code: 4, document: { error: { code: 'ORCH_ANSWERED' } } });
  });
});
