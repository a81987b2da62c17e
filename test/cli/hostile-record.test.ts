/** Records that somebody else wrote, with checksums that fit: damage that is named, and nothing else. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { encodeChecked } from '../../src/base/checked-json.ts';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository, openTestRepository, type TestRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';

const WORKFLOW = `name: passes
waves: { max: 10, min_steps: 1 }
steps:
  a: { wave: 1, run: echo a > a.txt }
  b: { wave: 2, run: echo b > b.txt }
`;

interface Stage {
  readonly repository: TestRepository;
  readonly run: string;
}

async function makeRun(): Promise<Stage> {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('passes.yaml', WORKFLOW);
  repository.commitAll('first');
  return { repository, run: (await runToEnd(repository, 'run', 'passes.yaml')).run };
}

type Change = (record: Record<string, unknown>) => object;

/** Changes lines of JSON, with new checksums. */
function forge(text: string, change: Change): string {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { crc: _, ...record } = JSON.parse(line) as Record<string, unknown>;
      return encodeChecked(change(record));
    });
  return `${lines.join('\n')}\n`;
}

/** A clone of a repository whose branch of the run says something else. */
function cloneWith({ repository, run }: Stage, file: string, change: Change): TestRepository {
  const path = `.orch/runs/${run}/${file}`;
  repository.git('stash', '-q', '--include-untracked');
  repository.git('checkout', '-q', `orch/${run}`);
  repository.write(path, forge(readFileSync(repository.path(path), 'utf8'), change));
  repository.git('add', '-f', path);
  repository.git('commit', '-q', '--amend', '--no-edit');
  repository.git('checkout', '-q', 'main');
  const clone = join(repository.folder, 'clone');
  repository.git('clone', '-q', repository.top, clone);
  return openTestRepository(clone, repository.folder);
}

const asDamage = (code: string) => ({ code: 4, document: { error: { code } } });

test('an object id that is an option of git is not given to git', async () => {
  const stage = await makeRun();
  const victim = join(stage.repository.folder, 'victim');
  writeFileSync(victim, 'precious\n');
  const clone = cloneWith(stage, 'events/1.jsonl', (event) =>
    event['type'] === 'checkpoint.created' ? { ...event, commit: `--output=${victim}` } : event,
  );
  const outcome = await runOrchJson(['diff', stage.run], { cwd: clone.top });
  expect(outcome).toMatchObject(asDamage('ORCH_JOURNAL_DAMAGED'));
  expect(readFileSync(victim, 'utf8')).toBe('precious\n');
});

test('a record of a run with another name is refused, and the name is not in what is to be typed', async () => {
  const stage = await makeRun();
  const evil = 'x; touch /tmp/P #';
  const clone = cloneWith(stage, 'run.json', (frozen) => ({ ...frozen, run: evil }));
  for (const command of ['show', 'diff', 'audit']) {
    const { stdout, stderr } = await runOrch([command, stage.run], { cwd: clone.top });
    expect(`${stdout}${stderr}`).not.toContain(evil);
  }
  expect(await runOrchJson(['show', stage.run], { cwd: clone.top })).toMatchObject(
    asDamage('ORCH_RUN_DAMAGED'),
  );
});

const ODD: { readonly name: string; readonly change: Change }[] = [
  {
    name: 'without waves',
    change: (frozen) => ({ ...frozen, plan: { ...(frozen['plan'] as object), waves: [] } }),
  },
  {
    name: 'without pools',
    change: (frozen) => ({
      ...frozen,
      workflow: { ...(frozen['workflow'] as object), pools: undefined },
    }),
  },
];

test.for(ODD)('a definition $name is a damaged run, and hides no other', async ({ change }) => {
  const { repository, run } = await makeRun();
  const whole = await runToEnd(repository, 'run', 'passes.yaml');
  const path = repository.path(`.git/orch/runs/${run}/run.json`);
  writeFileSync(path, forge(readFileSync(path, 'utf8'), change));
  const at = { cwd: repository.top };
  const code = 'ORCH_RUN_DAMAGED';
  const list = await runOrchJson(['list'], at);
  expect(list.document).toMatchObject({ runs: [{ run: whole.run }, { run, code }] });
  const status = await runOrchJson(['status'], at);
  expect(status.document).toMatchObject({ last_run: { run: whole.run } });
  expect(await runOrchJson(['show', run], at)).toMatchObject(asDamage(code));
});

test('events that do not follow each other are damage too', async () => {
  const { repository, run } = await makeRun();
  const path = repository.path(`.git/orch/runs/${run}/events/1.jsonl`);
  const twice: Change = (event) =>
    event['type'] === 'step.started' ? { ...event, step: 'nobody' } : event;
  writeFileSync(path, forge(readFileSync(path, 'utf8'), twice));
  const shown = await runOrchJson(['show', run], { cwd: repository.top });
  expect(shown).toMatchObject(asDamage('ORCH_JOURNAL_DAMAGED'));
  expect(existsSync(repository.path('a.txt'))).toBe(true);
});
