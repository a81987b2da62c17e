/**
 * Secrets, with real git and real processes: text that looks like one is refused, warned of or allowed
 * before a checkpoint holds it, and known values are in no log and no journal.
 *
 * The secrets of these tests are put together when they run, so that no scanner finds them here.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { createSecretScanner } from '../../src/adapters/secrets.ts';
import { findSecrets, withoutPaths } from '../../src/engine/scan-secrets.ts';
import type { WaveSealed } from '../../src/run/events.ts';
import { outcomeOf, runOrch, runOrchJson, startOrch } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome, type RunOutcome, untilRun } from '../rig/runs.ts';

const AWS = `AWS_SECRET_ACCESS_KEY = "${'wJalrXUtnFEMI/K7MDENG'}${'/bPxRfiCYzzzzzzzKEY'}"`;
const GITHUB = `ghp_${'a1B2c3D4e5F6g7H8i9J0'}${'k1L2m3N4o5P6q7R8'}`;
const TOKEN = ['correct', 'horse', 'battery'].join('-');

function makeStage(workflow: string): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('.orch/workflows/w.yaml', `name: w\n${workflow}`);
  repository.write('kept.env', 'A=1\n');
  repository.commitAll('first');
  return repository;
}

async function run(repository: TestRepository, ...options: string[]): Promise<RunOutcome> {
  const { top: cwd } = repository;
  return asRunOutcome(await runOrch(['run', 'w', '--json', ...options], { cwd, env: KNOWN }));
}

const KNOWN = { DEPLOY_TOKEN: TOKEN };

const sealed = ({ events }: RunOutcome, wave: number) =>
  events
    .filter((event) => event.type === 'wave.sealed' && event.wave === wave)
    .at(-1) as WaveSealed;

/** A step that writes a file with a secret in its third line, and another file beside it. */
const leak = (policy: string, path = 'new.env') => `${policy}steps:
  leak: { run: "printf 'a\\\\nb\\\\n%s\\\\n' '${GITHUB}' > ${path}; echo fine > fine.txt" }
  after: { needs: [leak], wave: 2, run: "true" }
`;

describe('the scanner', () => {
  const scan = async (text: string | Uint8Array, path = 'a.txt') =>
    await createSecretScanner().scan([{ path, bytes: Buffer.from(text) }]);

  test('finds what the recommended rules know, and never shows it', async () => {
    const [found, ...more] = await scan(`one\n${AWS}\n`);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ path: 'a.txt', line: 2, rule: 'aws' });
    expect(found?.message).toMatch(/AWS Secret Access Key: \*+$/);
  });

  test.for([
    { name: 'ordinary text', text: 'nothing to see\n' },
    { name: 'a line that says so', text: `${GITHUB} # secretlint-disable-line\n` },
    { name: 'a binary file', text: `\0${GITHUB}\n` },
    { name: 'a file above 1 MB', text: `${GITHUB}\n${'x'.repeat(1024 * 1024)}` },
    { name: 'an empty file', text: '' },
  ])('passes over $name', async ({ text }) => {
    expect(await scan(text)).toEqual([]);
  });

  test('does not remember what it has seen: time stays the same', async () => {
    const scanner = createSecretScanner();
    const files = Array.from({ length: 300 }, (_, n) => ({
      path: `f${n}.txt`,
      bytes: Buffer.from(`file ${n}\n`),
    }));
    await scanner.scan(files);
    expect(performance.getEntriesByType('mark')).toEqual([]);
  });
});

describe('trees', () => {
  test('only new content is looked at; a path that is left out is as it was, mode and all', async () => {
    using repository = makeRepository();
    repository.write('old.txt', `${GITHUB}\n`);
    repository.write('run.sh', '#!/bin/sh\n', 0o755);
    const from = repository.commitAll('first');
    repository.write('run.sh', `#!/bin/sh\n# ${GITHUB}\n`, 0o755);
    repository.write('new/deep.txt', `${AWS}\n`);
    repository.write('fine.txt', 'fine\n');
    const to = repository.commitAll('second');
    const { secrets, openGit } = createPorts();
    const git = await openGit(repository.top);
    const found = await findSecrets(secrets, git, from, to);
    expect(found.map(({ path, line, rule }) => `${path}:${line} ${rule}`)).toEqual([
      'new/deep.txt:1 aws',
      'run.sh:2 github',
    ]);
    const tree = repository.git('rev-parse', `${to}^{tree}`);
    const rest = await withoutPaths(git, from, tree, ['run.sh', 'new/deep.txt']);
    const entries = (revision: string) => repository.git('ls-tree', '-r', revision).split('\n');
    expect(repository.git('diff', '--name-status', from, rest)).toBe('A\tfine.txt');
    expect(entries(rest)).toEqual(expect.arrayContaining(entries(from)));
    expect(await findSecrets(secrets, git, rest, rest)).toEqual([]);
    expect((await findSecrets(secrets, git, null, from)).map(({ path }) => path)).toEqual([
      'old.txt',
    ]);
  });
});

describe('secrets: warn', () => {
  test('is what holds for checkpoints on a branch of their own: saved, and named', async () => {
    const repository = makeStage(leak(''));
    const outcome = await run(repository);
    expect(outcome.code).toBe(0);
    expect(sealed(outcome, 1)).toMatchObject({
      secrets: [{ path: 'new.env', line: 3, rule: 'github' }],
      left_out: [],
    });
    expect(sealed(outcome, 1).refused).toBeUndefined();
    expect(sealed(outcome, 2).secrets).toBeUndefined();
    expect(outcome.summary.secrets).toEqual([
      { wave: 1, path: 'new.env', line: 3, rule: 'github', refused: false },
    ]);
    expect(repository.git('show', `orch/${outcome.run}:new.env`)).toContain(GITHUB);
    const report = repository.git(
      'show',
      `orch/${outcome.run}:.orch/runs/${outcome.run}/report.md`,
    );
    expect(report).toContain('Looks like a secret: new.env:3 (github).');
  });

  test('people see it while it happens, and at the end', async () => {
    const repository = makeStage(leak(''));
    const { stdout, stderr } = await runOrch(['run', 'w'], { cwd: repository.top });
    const places = 'what looks like a secret: new.env:3 (github)';
    expect(stdout + stderr).toContain(`  warning: the checkpoint holds ${places}`);
    expect(stdout).toContain(`  warning: the checkpoints hold ${places}`);
    expect(stdout + stderr).not.toContain(GITHUB);
  });

  test('what is uncommitted when the run begins is wave 0', async () => {
    const repository = makeStage('steps: { a: { run: "true" } }\n');
    repository.write('kept.env', `A=1\n${AWS}\n`);
    const outcome = await run(repository);
    expect(outcome.code).toBe(0);
    expect(sealed(outcome, 0).secrets).toEqual([{ path: 'kept.env', line: 2, rule: 'aws' }]);
  });
});

describe('secrets: allow', () => {
  test('looks at nothing, whatever config.yaml says', async () => {
    const repository = makeStage(leak('secrets: allow\n'));
    repository.write('.orch/config.yaml', 'secrets: refuse\n');
    const outcome = await run(repository);
    expect(outcome.code).toBe(0);
    expect(sealed(outcome, 1)).not.toHaveProperty('secrets');
    expect(outcome.summary.secrets).toEqual([]);
  });
});

describe('secrets: refuse', () => {
  test('the wave fails, its tree holds no secret, and a retry goes on when it is gone', async () => {
    const repository = makeStage(leak('secrets: refuse\n', 'kept.env'));
    const outcome = await run(repository);
    expect(outcome.code).toBe(1);
    const seal = sealed(outcome, 1);
    expect(seal).toMatchObject({
      refused: true,
      secrets: [{ path: 'kept.env', line: 3, rule: 'github' }],
      left_out: [{ path: 'kept.env', reason: 'secret' }],
    });
    expect(repository.git('show', `${seal.tree}:kept.env`)).toBe('A=1');
    expect(repository.git('show', `${seal.tree}:fine.txt`)).toBe('fine');
    expect(outcome.summary.checkpoints.map(({ wave }) => wave)).toEqual([0]);
    expect(outcome.summary.steps).toMatchObject({ passed: 1, skipped: 1 });
    const { reason, detail } = outcome.events.find(({ type }) => type === 'step.skipped') as never;
    expect([reason, detail]).toEqual(['secret', 'wave 1 holds a secret']);
    expect(readFileSync(repository.path('kept.env'), 'utf8')).toContain(GITHUB);
    expect(isReachable(repository, GITHUB)).toBe(false);

    const again = ['resume', outcome.run, '--retry-failed'];
    const { cwd } = { cwd: repository.top };
    const still = await runOrch(again, { cwd });
    expect(still.code).toBe(1);
    expect(still.stdout).toContain(
      '  wave 1 failed: it holds what looks like a secret: kept.env:3 (github); take it out, or',
    );
    repository.write('kept.env', 'A=2\n');
    const mended = asRunOutcome(await runOrch([...again, '--json'], { cwd }));
    expect(mended.code).toBe(0);
    expect(mended.summary.secrets).toEqual([]);
    expect(repository.git('show', `orch/${outcome.run}:kept.env`)).toBe('A=2');
  });

  test('is what holds with --commit-to current, where a clean change is saved as ever', async () => {
    const repository = makeStage(leak(''));
    const outcome = await run(repository, '--commit-to', 'current');
    expect(outcome.code).toBe(1);
    expect(sealed(outcome, 1).refused).toBe(true);
    expect(isReachable(repository, GITHUB)).toBe(false);
  });

  test('config.yaml can ask for it; clean-up still runs, and its checkpoint holds no secret', async () => {
    const repository = makeStage(`steps:
  leak: { run: "echo '${GITHUB}' > new.env" }
  tidy: { needs: [leak], wave: 2, trigger_rule: all_done, run: "echo done > tidy.txt" }
`);
    repository.write('.orch/config.yaml', 'secrets: refuse\n');
    repository.commitAll('settings');
    const outcome = await run(repository);
    expect(outcome.code).toBe(1);
    expect(outcome.summary.steps).toMatchObject({ passed: 2 });
    expect(readFileSync(repository.path('tidy.txt'), 'utf8')).toBe('done\n');
    expect(isReachable(repository, GITHUB)).toBe(false);
  });

  test('what a failed attempt left is pinned without it', async () => {
    const repository = makeStage(`secrets: refuse
steps: { bad: { run: "echo '${GITHUB}' > new.env; echo kept > kept.txt; exit 3" } }
`);
    const outcome = await run(repository);
    expect(outcome.code).toBe(1);
    const { ref } = outcome.events.find(({ type }) => type === 'step.finished') as never;
    expect(repository.git('ls-tree', '-r', '--name-only', ref)).toMatch(/kept\.txt/);
    expect(isReachable(repository, GITHUB)).toBe(false);
  });

  test('what a cached step produced is not kept in the cache', async () => {
    const repository = makeStage(`secrets: refuse
steps: { make: { run: "echo '${GITHUB}' > new.env", cache: true, reads: [kept.env], produces: [new.env] } }
`);
    const outcome = await run(repository);
    expect(outcome.code).toBe(1);
    expect(outcome.summary.cache.misses).toEqual([
      {
        of: 'make',
        reason: expect.stringMatching(/; not kept: what it produced looks like a secret/),
      },
    ]);
    expect(isReachable(repository, GITHUB)).toBe(false);
  });

  test('a run does not begin on uncommitted secrets, and nothing of it is left', async () => {
    const repository = makeStage('secrets: refuse\nsteps: { a: { run: "touch ran" } }\n');
    repository.write('new.env', `${AWS}\n`);
    const { code, stdout, stderr } = await runOrch(['run', 'w'], { cwd: repository.top });
    expect(code).toBe(4);
    expect(stderr).toContain('new.env:1 (aws); nothing was started');
    expect(stderr).toContain('ORCH_SECRET_FOUND');
    expect(stdout + stderr).not.toMatch(/^run w-/m);
    expect(readdirSync(repository.path('.git/orch/runs'))).toEqual([]);
    repository.commitAll('the user wants it so');
    expect((await run(repository)).code).toBe(0);
  });
});

/** Whether any ref leads to a file that holds this text. */
function isReachable(repository: TestRepository, text: string): boolean {
  const objects = repository.git('rev-list', '--objects', '--all').split('\n');
  return objects
    .map((line) => line.split(' ')[0] ?? '')
    .filter((oid) => repository.git('cat-file', '-t', oid) === 'blob')
    .some(
      (oid) =>
        repository.git('cat-file', 'blob', oid).includes(text) && !isWorkflow(repository, oid),
    );
}

/** The workflow of a test has to name the secret that it writes. */
const isWorkflow = (repository: TestRepository, oid: string) =>
  /\bsteps\b/.test(repository.git('cat-file', 'blob', oid));

/** Everything below .git/orch as text. */
function recordsOf(repository: TestRepository): string {
  const top = repository.path('.git/orch');
  const names = readdirSync(top, { recursive: true, encoding: 'utf8' });
  const files = names.map((name) => join(top, name)).filter((path) => statSync(path).isFile());
  return files.map((path) => readFileSync(path, 'latin1')).join('\n');
}

const HALF = TOKEN.slice(0, 9);
const REST = TOKEN.slice(9);

describe('values that the environment knows', () => {
  test('are in no log, output, message, journal, report or branch', async () => {
    const repository = makeStage(`steps:
  say:
    name: say \${{ inputs.what }}
    run: |
      echo "plain $DEPLOY_TOKEN end"
      printf '%s' "$DEPLOY_TOKEN" | base64
      printf '${HALF}'; sleep 0.3; printf '${REST}\\n'
      echo "error $DEPLOY_TOKEN" >&2
      echo "token=$DEPLOY_TOKEN" >> "$ORCH_OUTPUT"
  use: { needs: [say], run: 'echo "handed on: $T"; echo "not = a line $DEPLOY_TOKEN" >> "$ORCH_OUTPUT"; exit 1', env: { T: "\${{ steps.say.outputs.token }}" } }
inputs: { what: { default: nothing } }
`);
    const outcome = await run(repository);
    const { run: id } = outcome;
    expect(outcome.code).toBe(1);
    expect(outcome.stdout + outcome.stderr).not.toContain(TOKEN);
    const said = outcome.events.filter(({ type }) => type === 'step.finished') as never[];
    expect(said[0]).toMatchObject({ outputs: { token: '***' } });
    const stranger = await runOrchJson(['logs', id], { cwd: repository.top });
    expect(JSON.stringify(stranger.document)).not.toContain(TOKEN);
    const lines = (stranger.document as { logs: { text: string }[] }).logs.map(({ text }) => text);
    expect(lines).toEqual(['plain *** end', '***', '***', 'error ***', 'handed on: ***']);
    const records = recordsOf(repository);
    expect(records).not.toContain(TOKEN);
    expect(records).not.toContain(Buffer.from(TOKEN).toString('base64'));
    expect(repository.git('log', '-p', '--all')).not.toContain(TOKEN);
  });

  test('a reader takes them out while the step still runs, also across two prints', async () => {
    const repository = makeStage(`steps:
  slow:
    run: |
      printf 'first ${HALF}'; sleep 0.3; printf '${REST} last\\n'
      while [ ! -e go ]; do sleep 0.05; done
      echo "second $DEPLOY_TOKEN"; echo third
`);
    const { top: cwd } = repository;
    const running = startOrch(['run', 'w'], { cwd, env: KNOWN });
    const ended = outcomeOf(running);
    await untilRun(repository, ({ state }) => state.running.size > 0);
    const following = startOrch(['logs', '-f'], { cwd, env: KNOWN });
    const followed = outcomeOf(following);
    await new Promise<void>((resolve) =>
      following.stdout.on('data', (text: Buffer) => text.includes('last') && resolve()),
    );
    const { run: id } = (await untilRun(repository, () => true)).state;
    const folder = repository.path(`.git/orch/runs/${id}/steps/slow/1`);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toContain(TOKEN);
    expect(statSync(join(folder, 'out')).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    repository.write('go', '');
    expect((await ended).code).toBe(0);
    // Its file was replaced meanwhile, and no line comes twice or not at all.
    const lines = (await followed).stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^.* \| /, ''));
    expect(lines).toEqual(['first *** last', 'second ***', 'third']);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('first *** last\nsecond ***\nthird\n');
    expect(statSync(join(folder, 'out')).mode & 0o777).toBe(0o600);
  });

  test('after a kill and a resume they are gone too, from the failure that is quoted as well', async () => {
    const repository = makeStage(`steps:
  slow: { run: 'echo "have $DEPLOY_TOKEN"; while [ ! -e go ]; do sleep 0.05; done; echo "t=$DEPLOY_TOKEN" >> "$ORCH_OUTPUT"; exit 1' }
`);
    const { top: cwd } = repository;
    const running = startOrch(['run', 'w'], { cwd, env: KNOWN });
    const killed = outcomeOf(running);
    const { state } = await untilRun(repository, (each) => each.state.running.size > 0);
    running.kill('SIGKILL');
    await killed;
    repository.write('go', '');
    const resumed = await runOrch(['resume', state.run], { cwd, env: KNOWN });
    expect(resumed.code).toBe(1);
    expect(recordsOf(repository)).not.toContain(TOKEN);
    const why = await runOrch(['why', 'slow'], { cwd });
    expect(why.stdout).toContain('have ***');
  });
});
