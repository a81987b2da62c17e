/**
 * What two isolated steps did side by side comes together: every kind of change that git can merge, and
 * for those that it cannot, each policy for conflicts.
 */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { TestRepository } from '../rig/repository.ts';
import { asRunOutcome } from '../rig/runs.ts';
import { expectAllFreed, type IsolatedRun, makeIsolated, untilMerged } from './isolated-stage.ts';

// Whole runs, with dozens of processes each.
vi.setConfig({ testTimeout: 300_000 });

/** As a block scalar of YAML. */
function block(script: string): string {
  return `|\n${script.trim().replaceAll(/^/gm, '      ')}\n`;
}

/** `second` begins beside `first` and ends when that one is merged. */
function sideBySide(first: string, second: string, more = '', retry = ''): string {
  return `
concurrency: 2
${more}
steps:
  first:
    run: ${block(`${first}\necho 1 > first.txt`)}
  second:
    ${retry}
    run: ${block(`${second}\n${untilMerged('first.txt')}`)}
`;
}

/** Mode and content of a path of the result; '' when there is none. */
function entry({ repository }: { readonly repository: TestRepository }, run: IsolatedRun) {
  return (path: string): string => {
    const line = repository.git('ls-tree', `orch/${run.run}`, '--', path);
    if (line === '') return '';
    return `${line.slice(0, 6)} ${repository.git('cat-file', 'blob', `orch/${run.run}:${path}`)}`;
  };
}

const LINES = Array.from({ length: 12 }, (_, index) => `line ${index + 1}`).join('\n');

test('changes of every kind that do not touch each other are all in the result', async () => {
  const stage = makeIsolated();
  const { repository } = stage;
  for (const name of ['text.txt', 'moved.txt', 'script.sh']) repository.write(name, `${LINES}\n`);
  for (const name of ['dead.txt', 'mine.txt', 'folder/inner.txt', 'a file'])
    repository.write(name, 'x\n');
  repository.write('bytes.bin', Buffer.from([0, 1, 2, 255]));
  repository.git('config', 'core.symlinks', 'true');
  repository.commitAll('first');
  const run = await stage.run(
    sideBySide(
      `sed -i 's/^line 1$/first/' text.txt
git mv moved.txt renamed.txt
chmod +x script.sh
rm dead.txt
rm -r folder; echo file > folder
ln -s text.txt new-link
mkdir -p deep/er; echo deep > deep/er/file`,
      `sed -i 's/^line 12$/second/' text.txt
sed -i 's/^line 6$/second/' moved.txt
sed -i 's/^line 6$/second/' script.sh
rm dead.txt
printf '\\000\\003' > bytes.bin
rm 'a file'; ln -s nowhere 'a file'
: > empty
printf 'no line feed' > "it's \\"odd\\" ü"
rm mine.txt`,
    ),
  );
  expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
  const at = entry(stage, run);
  const edited = LINES.replace('line 6', 'second');
  expect(at('text.txt')).toBe(
    `100644 ${LINES.replace(/^line 1$/m, 'first').replace('line 12', 'second')}`,
  );
  expect([at('moved.txt'), at('renamed.txt')]).toEqual(['', `100644 ${edited}`]);
  expect(at('script.sh')).toBe(`100755 ${edited}`);
  expect(at('new-link')).toBe('120000 text.txt');
  expect(at('folder')).toBe('100644 file');
  expect(at('deep/er/file')).toBe('100644 deep');
  expect(at('bytes.bin')).toBe('100644 \0\u0003');
  expect(at('a file')).toBe('120000 nowhere');
  expect(at('empty')).toBe('100644 ');
  expect(at(`it's "odd" ü`)).toBe('100644 no line feed');
  expect([at('dead.txt'), at('mine.txt')]).toEqual(['', '']);
  // Nobody's work is lost on the way: each merge has what was merged before and the attempt as parents.
  for (const merge of run.of('merge.finished')) {
    const { onto, commit } = run.of('merge.started', merge.step)[0] ?? {};
    expect(repository.git('rev-parse', `${merge.commit}^1`, `${merge.commit}^2`)).toBe(
      `${onto}\n${commit}`,
    );
  }
  expectAllFreed(stage);
});

const FIRST = `echo first > text.txt; printf '\\000first' > bytes.bin; rm edited.txt; ln -sfn first link; echo first > added.txt`;
const SECOND = `echo second > text.txt; printf '\\000second' > bytes.bin; echo more >> edited.txt; ln -sfn second link; echo second > added.txt; echo side > side.txt`;
const PATHS = ['added.txt', 'bytes.bin', 'edited.txt', 'link', 'text.txt'];

function makeConflict() {
  const stage = makeIsolated();
  const { repository } = stage;
  repository.write('text.txt', 'base\n');
  repository.write('bytes.bin', Buffer.from([0, 1]));
  repository.write('edited.txt', 'edited\n');
  symlinkSync('base', repository.path('link'));
  repository.commitAll('first');
  return stage;
}

describe('a conflict', () => {
  test.for([
    { policy: 'ours', text: 'first', edited: '', side: '100644 side' },
    { policy: 'theirs', text: 'second', edited: '100644 edited\nmore', side: '100644 side' },
  ])('is settled by the policy $policy, path by path', async ({ policy, text, edited, side }) => {
    const stage = makeConflict();
    const run = await stage.run(sideBySide(FIRST, SECOND, `conflicts: { policy: ${policy} }`));
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    const at = entry(stage, run);
    expect(at('text.txt')).toBe(`100644 ${text}`);
    expect(at('added.txt')).toBe(`100644 ${text}`);
    expect(at('bytes.bin')).toBe(`100644 \0${text}`);
    expect(at('link')).toBe(`120000 ${text}`);
    expect(at('edited.txt')).toBe(edited);
    expect(at('side.txt')).toBe(side);
    const [merge] = run.of('merge.finished', 'second');
    expect(merge).toMatchObject({ status: 'merged', settled: policy });
    expect(merge?.files?.map(({ path }) => path).sort()).toEqual(PATHS);
  });

  test('fails the later step by default, whose work stays in a ref', async () => {
    const stage = makeConflict();
    const run = await stage.run(sideBySide(FIRST, SECOND));
    expect(run.code).toBe(1);
    const [merge] = run.of('merge.finished', 'second');
    expect(merge).toMatchObject({ status: 'conflict', failure: { kind: 'conflict' } });
    expect(merge?.files?.map(({ path }) => path).sort()).toEqual(PATHS);
    expect(['first', 'second'].map(run.statusOf)).toEqual(['passed', 'failed']);
    expect(run.fileAt(`refs/orch/attempts/${run.run}/second/1`, 'side.txt')).toBe('side');
    expect(run.fileAt(`refs/orch/merged/${run.run}`, 'text.txt')).toBe('first');
    expect(run.fileAt(`refs/orch/merged/${run.run}`, 'side.txt')).toBeUndefined();
    expectAllFreed(stage);
  });

  test('is tried again on what was merged meanwhile, where the step may be', async () => {
    const stage = makeConflict();
    const run = await stage.run(
      sideBySide(
        FIRST,
        `cat text.txt >> "$NOTES/seen"; ${SECOND}`,
        '',
        'retry: { max_attempts: 2, backoff: 10ms }',
      ),
    );
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect(stage.notes('seen')).toEqual(['base', 'first']);
    expect(entry(stage, run)('text.txt')).toBe('100644 second');
    expect(run.of('merge.finished', 'second').map(({ status }) => status)).toEqual([
      'conflict',
      'merged',
    ]);
  });

  test('with what a step did before its own merge cannot be', async () => {
    // One step after the other on the same lines: each begins on the merge before.
    const stage = makeIsolated({ 'text.txt': 'base\n' });
    const run = await stage.run(`
steps:
  a: { run: 'echo a > text.txt' }
  b: { needs: [a], run: 'echo b > text.txt' }
  c: { needs: [b], run: 'echo c > text.txt' }
`);
    expect(run.code).toBe(0);
    expect(run.file('text.txt')).toBe('c');
    expect(run.of('merge.finished').flatMap(({ files }) => files ?? [])).toEqual([]);
  });

  test('is settled by the workflow’s command, which finds what both sides wanted', async () => {
    const stage = makeConflict();
    const settle = [
      'cat "$ORCH_PROMPT_FILE" > "$NOTES/prompt"',
      'cat "$ORCH_CONFLICTS_FILE" > "$NOTES/conflicts"',
      'cat text.txt > "$NOTES/markers"',
      'git ls-files -u > "$NOTES/unmerged"',
      'echo both > text.txt',
      'echo both > added.txt',
      'rm edited.txt',
      "printf '\\000both' > bytes.bin",
      'ln -sfn both link',
      'git add -A',
      'git commit -qm settled',
    ].join('; ');
    const conflicts = `conflicts: { policy: agent, run: ${JSON.stringify(settle)} }`;
    const run = await stage.run(sideBySide(FIRST, SECOND, conflicts));
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    const at = entry(stage, run);
    expect(
      ['text.txt', 'added.txt', 'edited.txt', 'bytes.bin', 'link', 'side.txt'].map(at),
    ).toEqual(['100644 both', '100644 both', '', '100644 \0both', '120000 both', '100644 side']);
    expect(stage.notes('markers').join('\n')).toMatch(/<{7}.*first.*={7}.*second.*>{7}/s);
    expect(stage.notes('prompt').join('\n')).toContain('echo second > text.txt');
    expect(stage.notes('prompt').join('\n')).toContain('echo first > text.txt');
    const listed = JSON.parse(stage.notes('conflicts').join('\n')) as { readonly path: string }[];
    expect(listed.map(({ path }) => path).sort()).toEqual(PATHS);
    expect(stage.notes('unmerged').length).toBeGreaterThan(5);
    expect(run.of('resolve.finished', 'second')).toMatchObject([{ round: 1, status: 'passed' }]);
    // Both the attempt and what became of it are in the history of the result.
    const history = stage.repository.git('rev-list', `refs/orch/merged/${run.run}`).split('\n');
    expect(history).toContain(run.ends('second')[0]?.commit);
    expect(history).toContain(run.of('resolve.finished', 'second')[0]?.commit);
    expectAllFreed(stage);
  });

  test.for([
    { name: 'markers are left', command: 'echo x >> text.txt', kind: 'conflict' },
    { name: 'the command fails', command: 'echo half > text.txt; exit 3', kind: 'exit' },
  ])('is not settled when $name; both sides stay in refs', async ({ command, kind }) => {
    const stage = makeIsolated({ 'text.txt': 'base\n' });
    const conflicts = `conflicts: { policy: agent, run: '${command}' }`;
    const run = await stage.run(
      sideBySide('echo first > text.txt', 'echo second > text.txt', conflicts),
    );
    expect(run.code).toBe(1);
    expect(run.of('resolve.finished')).toMatchObject([{ status: 'failed', failure: { kind } }]);
    expect(run.statusOf('second')).toBe('failed');
    expect(run.fileAt(run.ends('second')[0]?.commit ?? '', 'text.txt')).toBe('second');
    const [{ ref = '' } = {}] = run.of('resolve.finished');
    expect(run.fileAt(ref, 'text.txt')).toContain(kind === 'exit' ? 'half' : 'x');
    expect(run.fileAt(`refs/orch/merged/${run.run}`, 'text.txt')).toBe('first');
    expectAllFreed(stage);
  });

  test('is left to a person where the policy says so, whose settlement is merged after approval', async () => {
    const stage = makeIsolated({ 'text.txt': 'base\n' });
    const waiting = await stage.run(
      sideBySide(
        'echo first > text.txt',
        'echo second > text.txt; echo side > side.txt',
        'conflicts: { policy: ask }',
      ),
    );
    expect(waiting.code).toBe(75);
    const [{ message = '' } = {}] = waiting.of('resolve.started', 'second');
    const root = /settle it in (.*), then approve/.exec(message)?.[1] ?? '';
    expect(readFileSync(join(root, 'text.txt'), 'utf8')).toContain('<<<<<<<');
    writeFileSync(join(root, 'text.txt'), 'by hand\n');
    expect((await stage.orch('approve', waiting.run, 'second')).code).toBe(0);
    const run = stage.asRun(asRunOutcome(await stage.orch('resume', '--json')));
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect([run.file('text.txt'), run.file('side.txt')]).toEqual(['by hand', 'side']);
    expectAllFreed(stage);
  });

  test('is not taken for settled while conflict markers are left, and can be given up', async () => {
    const stage = makeIsolated({ 'text.txt': 'base\n' });
    const asking = sideBySide(
      'echo first > text.txt',
      'echo second > text.txt',
      'conflicts: { policy: ask }',
    );
    const waiting = await stage.run(asking);
    const [{ message = '' } = {}] = waiting.of('resolve.started', 'second');
    const root = /settle it in (.*), then approve/.exec(message)?.[1] ?? '';
    const refused = await stage.orch('approve', waiting.run, 'second', '--json');
    expect(refused.code).toBe(4);
    const { error } = JSON.parse(refused.stdout);
    expect(error.code).toBe('ORCH_UNSETTLED');
    expect(error.message).toContain(root);
    expect(error.message).toContain('text.txt');
    expect(error.fix).toContain(`orch approve ${waiting.run} second`);
    // Nothing was answered: it still waits.
    expect((await stage.orch('resume', waiting.run)).code).toBe(75);
    expect((await stage.orch('reject', waiting.run, 'second', '-m', 'no')).code).toBe(0);
    const run = stage.asRun(asRunOutcome(await stage.orch('resume', '--json')));
    expect(run.code).toBe(1);
    expect(run.statusOf('second')).toBe('failed');
    expect(run.fileAt(`refs/orch/merged/${run.run}`, 'text.txt')).toBe('first');
    // What it had done is not lost.
    const commit = waiting.ends('second')[0]?.commit;
    expect(run.fileAt(commit ?? '', 'text.txt')).toBe('second');
    expectAllFreed(stage);
  });
});
