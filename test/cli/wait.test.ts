/** Waiting for runs and following their output, with steps that the test steers. */
import { once } from 'node:events';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { outcomeOf, runOrch, runOrchJson, startOrch } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { openSteering, type Steering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

/** A run under way whose only step is at the test's command. */
async function startRun(more = ''): Promise<{
  readonly repository: TestRepository;
  readonly steering: Steering;
  readonly orch: ReturnType<typeof startOrch>;
}> {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  const steering = await openSteering(makeTemporaryFolder());
  const script = JSON.stringify(steering.command('work'));
  repository.write('w.yaml', `name: w\nsteps:\n  work: { run: ${script} }\n${more}`);
  repository.commitAll('first');
  const orch = startOrch(['run', 'w.yaml', '--quiet'], { cwd: repository.top });
  started.push(orch);
  return { repository, steering, orch };
}

const started: ReturnType<typeof startOrch>[] = [];
afterEach(() => {
  for (const orch of started.splice(0)) orch.kill('SIGKILL');
});

interface Status {
  readonly runs: readonly {
    readonly run: string;
    readonly status: string;
    readonly abandoned: boolean;
    readonly held_by: { readonly pid: number } | null;
    readonly running: readonly { readonly name: string }[];
    readonly next: string | null;
  }[];
}

async function statusOf(repository: TestRepository): Promise<Status['runs'][number] | undefined> {
  const { document } = await runOrchJson(['status'], { cwd: repository.top });
  return (document as Status).runs[0];
}

/** A program that waits prints one line once it has looked; what happens then, it sees. */
async function firstLine(child: ReturnType<typeof startOrch>): Promise<void> {
  await once(child.stderr, 'data');
}

describe('orch wait', () => {
  test.for([
    { code: 0, exit: 0, status: 'passed' },
    { code: 3, exit: 1, status: 'failed' },
  ])('ends with $exit when the run has $status', async ({ code, exit, status }) => {
    const { repository, steering } = await startRun();
    const work = await steering.started('work');
    const waiting = startOrch(['wait', '--json'], { cwd: repository.top });
    const outcome = outcomeOf(waiting);
    await work.exit(code);
    const { stdout, code: waited } = await outcome;
    expect(JSON.parse(stdout)).toMatchObject({ type: 'run.summary', status });
    expect(waited).toBe(exit);
  });

  test('shows what happens, and leaves the locks free for the next command', async () => {
    const { repository, steering } = await startRun(
      '  ok: { needs: [work], approval: { message: Go? } }\n',
    );
    const work = await steering.started('work');
    const waiting = startOrch(['wait'], { cwd: repository.top });
    const outcome = outcomeOf(waiting);
    await firstLine(waiting);
    await work.exit(0);
    const { code, stderr, stdout } = await outcome;
    expect(stderr).toContain('done   work');
    expect(stdout).toContain('waiting: w-');
    expect(code).toBe(75);
    await runOrch(['approve', '@latest', 'ok'], { cwd: repository.top });
    expect((await runOrch(['resume', '--quiet'], { cwd: repository.top })).code).toBe(0);
    expect((await runOrch(['wait'], { cwd: repository.top })).code).toBe(0);
  });

  test('forgets the signal that stopped an earlier process', async () => {
    const { repository, steering, orch } = await startRun();
    await steering.started('work');
    orch.kill('SIGTERM');
    await once(orch, 'close');
    expect((await runOrch(['wait'], { cwd: repository.top })).code).toBe(143);
    const resumed = startOrch(['resume', '--quiet'], { cwd: repository.top });
    const work = await steering.started('work');
    resumed.kill('SIGKILL');
    await once(resumed, 'close');
    expect((await runOrch(['wait'], { cwd: repository.top })).code).toBe(130);
    await work.exit(0);
  });

  test('a process that was killed is noticed: the run is interrupted, and resume is what to type', async () => {
    const { repository, steering, orch } = await startRun();
    const work = await steering.started('work');
    const before = await statusOf(repository);
    expect(before).toMatchObject({
      status: 'running',
      abandoned: false,
      held_by: { pid: orch.pid },
      running: [{ name: 'work' }],
      next: null,
    });
    const waiting = startOrch(['wait'], { cwd: repository.top });
    const outcome = outcomeOf(waiting);
    await firstLine(waiting);
    orch.kill('SIGKILL');
    const { code, stderr } = await outcome;
    expect(stderr).toContain(`fix: orch resume ${before?.run}`);
    expect(code).toBe(130);
    expect(await statusOf(repository)).toMatchObject({
      status: 'interrupted',
      abandoned: true,
      held_by: null,
      next: `orch resume ${before?.run}`,
    });
    await work.exit(0);
    expect((await runOrch(['resume', '--quiet'], { cwd: repository.top })).code).toBe(0);
    expect(await statusOf(repository)).toBeUndefined();
  });

  test('without a run there is nothing to wait for', async () => {
    using repository = makeRepository();
    const { code, document } = await runOrchJson(['wait'], { cwd: repository.top });
    expect(document).toHaveProperty('error.code', 'ORCH_NO_SUCH_RUN');
    expect(code).toBe(2);
  });
});

describe('orch logs -f', () => {
  test('shows lines as they come, a last one without its line feed too, and ends with the run', async () => {
    const { repository, steering } = await startRun();
    const work = await steering.started('work');
    const following = startOrch(['logs', '-f', '--json'], { cwd: repository.top });
    const lines = readLines(following);
    await work.print('one\ntw');
    expect(await lines.next()).toMatchObject({ step: 'work', stream: 'out', text: 'one' });
    await work.print('o\n');
    expect(await lines.next()).toMatchObject({ text: 'two' });
    await work.printError('and the end');
    await work.exit(0);
    expect(await lines.next()).toMatchObject({ stream: 'err', text: 'and the end' });
    expect(await lines.next()).toBeUndefined();
    expect(await lines.code).toBe(0);
  });
});

function readLines(child: ReturnType<typeof startOrch>): {
  next(): Promise<unknown>;
  readonly code: Promise<number | null>;
} {
  const code = once(child, 'close').then(([value]) => value as number | null);
  async function* split() {
    let rest = '';
    for await (const piece of child.stdout.setEncoding('utf8')) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as unknown;
    }
  }
  const lines = split();
  return { next: async () => (await lines.next()).value as unknown, code };
}
