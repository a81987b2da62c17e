/** `orch init` in real repositories: what it makes runs there, and nothing of the user's is changed. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const FILES = [
  '.orch/config.yaml',
  '.orch/project.md',
  '.orch/workflows/check.yaml',
  '.gitattributes',
];

function makeSample(files: Readonly<Record<string, string>>): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  for (const [path, text] of Object.entries(files)) repository.write(path, text);
  return repository;
}

const read = (repository: TestRepository, path: string) =>
  readFileSync(repository.path(path), 'utf8');

const NPM = { 'package.json': '{"scripts":{"test":"node -e 0 > tested","lint":"node -e 0"}}' };
const MAKE = { Makefile: 'build:\n\techo b > built\ntest:\n\ttest -e built\n' };

describe('the first workflow is planned and passes', () => {
  test.for<{ name: string; files: Record<string, string>; steps: string[]; commit?: boolean }>([
    { name: 'in an npm project', files: NPM, steps: ['lint', 'test'], commit: true },
    { name: 'in a project with a Makefile', files: MAKE, steps: ['build', 'test'], commit: true },
    { name: 'in an empty repository without commits', files: {}, steps: ['conflict-markers'] },
    {
      name: 'in a repository of texts, with spaces at the ends of lines',
      files: { 'notes.md': 'a line  \nbreak \t\n' },
      steps: ['conflict-markers'],
      commit: true,
    },
  ])('$name', async ({ files, steps, commit = false }) => {
    const repository = makeSample(files);
    if (commit) repository.commitAll('as it is');
    repository.write('notes.md', 'changed  \n');
    const at = { cwd: repository.top };
    const made = await runOrchJson(['init', '--yes'], at);
    const created = FILES.map((path) => ({ path, action: 'created' }));
    expect(made).toMatchObject({ code: 0, document: { root: repository.top, files: created } });
    expect(await runOrchJson(['plan', 'check'], at)).toMatchObject({ code: 0 });
    const { code, summary, events } = await runToEnd(repository, 'run', 'check');
    expect({ code, status: summary.status }).toEqual({ code: 0, status: 'passed' });
    const passed = events.flatMap((event) => (event.type === 'step.finished' ? [event.step] : []));
    expect(passed.sort()).toEqual(steps);
  });
});

test('what it advises goes through to the accepted result', async () => {
  const repository = makeSample(MAKE);
  repository.commitAll('as it is');
  const { document } = await runOrchJson(['init'], { cwd: repository.top });
  const { next } = document as { next: string[] };
  expect(next).toEqual([
    'git add .orch .gitattributes && git commit -m "Add orch"',
    'orch plan check',
    'orch run check',
  ]);
  typeAt(repository.top, next[0] ?? '');
  expect(repository.git('status', '--porcelain')).toBe('');
  expect(await runToEnd(repository, 'run', 'check')).toMatchObject({ code: 0 });
  expect(await runOrchJson(['accept'], { cwd: repository.top })).toMatchObject({ code: 0 });
});

function typeAt(folder: string, command: string): string {
  return execFileSync('sh', ['-c', command], { cwd: folder }).toString();
}

test('only what is not committed yet is to be committed, from where the user stands', async () => {
  const repository = makeSample({ 'docs/a.md': '', 'docs/b.md': '' });
  const next = async () => {
    const { document } = await runOrchJson(['init'], { cwd: repository.path('docs') });
    return (document as { next: string[] }).next;
  };
  repository.write('.gitattributes', '.orch/** merge=orch\n* text=auto eol=crlf\n');
  repository.commitAll('as it is');
  const [first = '', ...others] = await next();
  expect(first).toBe('git add ../.orch && git commit -m "Add orch"');
  typeAt(repository.path('docs'), first);
  expect(await next()).toEqual(others);
  repository.write('.orch/config.yaml', 'concurrency: 3\n');
  expect(await next()).toEqual([first, ...others]);
});

test('where .orch is a link to a folder inside of the repository, what git sees is to be committed', async () => {
  const repository = makeSample({ 'settings/notes': '' });
  symlinkSync('settings', repository.path('.orch'));
  const { document } = await runOrchJson(['init'], { cwd: repository.top });
  const first = 'git add settings .gitattributes && git commit -m "Add orch"';
  expect(document).toMatchObject({ next: [first, 'orch plan check', 'orch run check'] });
});

test('in a folder it says where the files went, and takes the commands of that folder', async () => {
  const repository = makeSample({ 'apps/api/Makefile': 'test:\n\ttouch tested\n' });
  repository.commitAll('as it is');
  const { stdout } = await runOrch(['init'], { cwd: repository.path('apps/api') });
  expect(stdout).toContain(`at the top of the repository, ${repository.top}:\n`);
  expect(stdout).toContain('  test: cd apps/api && make test (apps/api/Makefile)\n');
  expect(await runToEnd(repository, 'run', 'check')).toMatchObject({ code: 0 });
  expect(existsSync(repository.path('apps/api/tested'))).toBe(true);
});

test('the packages of a workspace of npm are tested', async () => {
  const repository = makeSample({
    'package.json': '{"private":true,"workspaces":["packages/*"]}',
    'packages/a/package.json':
      '{"name":"a","version":"1.0.0","scripts":{"test":"node -e 0 > tested"}}',
    'packages/b/package.json': '{"name":"b","version":"1.0.0"}',
  });
  repository.commitAll('as it is');
  const { stdout } = await runOrch(['init'], { cwd: repository.top });
  expect(stdout).toContain('--workspaces --if-present (package.json in packages/a)');
  expect(await runToEnd(repository, 'run', 'check')).toMatchObject({ code: 0 });
  expect(existsSync(repository.path('packages/a/tested'))).toBe(true);
});

describe('conflict-markers', () => {
  const CONFLICT = 'a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> topic\n';
  test.for([
    { name: 'fails on a conflict that was committed', text: CONFLICT, status: 'failed' },
    { name: 'passes a quotation', text: '>>>>>>> as they wrote\n', status: 'passed' },
  ])('$name', async ({ text, status }) => {
    const repository = makeSample({ 'notes.md': text });
    await runOrch(['init'], { cwd: repository.top });
    repository.commitAll('all of it');
    const { summary } = await runToEnd(repository, 'run', 'check');
    expect(summary.status).toBe(status);
  });
});

test('a step that fails does not cancel the others', async () => {
  const repository = makeSample({ Makefile: 'lint:\n\tfalse\nbuild:\n\ttrue\n' });
  await runOrch(['init'], { cwd: repository.top });
  repository.commitAll('all of it');
  const { summary } = await runToEnd(repository, 'run', 'check', '--concurrency', '1');
  expect(summary.steps).toMatchObject({ passed: 1, failed: 1, cancelled: 0 });
});

test('people read what was made, what it runs, and what to type next', async () => {
  const repository = makeSample(MAKE);
  const { stdout, code } = await runOrch(['init'], { cwd: repository.top });
  expect(code).toBe(0);
  expect(stdout).toContain('created   .orch/workflows/check.yaml\n');
  expect(stdout).toContain('  test: make test (Makefile)\n');
  expect(stdout).toContain('next: git add .orch .gitattributes && git commit');
  expect(stdout).toContain('      orch plan check ');
  expect(stdout).toMatch(/\.gitattributes marks .* until git knows one, it merges them as text/);
});

test('done again, it keeps everything, also from a folder below', async () => {
  const repository = makeSample({ 'src/a.ts': '' });
  await runOrch(['init'], { cwd: repository.top });
  const before = FILES.map((path) => read(repository, path));
  const again = await runOrchJson(['init'], { cwd: repository.path('src') });
  const kept = FILES.map((path) => ({ path, action: 'kept' }));
  expect(again).toMatchObject({ code: 0, document: { files: kept } });
  expect(FILES.map((path) => read(repository, path))).toEqual(before);
});

test('files of the user stay as they are, but for one line at the end of .gitattributes', async () => {
  const mine = {
    '.orch/config.yaml': 'concurrency: 2\n',
    '.orch/workflows/check.yml': 'name: mine\nsteps:\n  a: { run: "true" }\n',
    '.gitattributes': '*.png binary\r\n',
  };
  const repository = makeSample(mine);
  const { document } = await runOrchJson(['init'], { cwd: repository.top });
  expect(document).toMatchObject({
    files: [
      { path: '.orch/config.yaml', action: 'kept' },
      { path: '.orch/project.md', action: 'created' },
      { path: '.orch/workflows/check.yml', action: 'kept' },
      { path: '.gitattributes', action: 'extended' },
    ],
  });
  expect(read(repository, '.orch/config.yaml')).toBe(mine['.orch/config.yaml']);
  expect(read(repository, '.orch/workflows/check.yml')).toBe(mine['.orch/workflows/check.yml']);
  expect(read(repository, '.gitattributes')).toBe('*.png binary\r\n.orch/** merge=orch\r\n');
});

test('commands whose program is not there are left out and named', async () => {
  const repository = makeSample({ ...MAKE, 'go.mod': 'module x\n' });
  const folder = makeTemporaryFolder();
  for (const program of ['git', 'make']) symlinkSync(findProgram(program), join(folder, program));
  const { document } = await runOrchJson(['init'], { cwd: repository.top, env: { PATH: folder } });
  const left = document as { left_out: { command: string; why: string }[] };
  expect(left.left_out).toContainEqual({ command: 'go test ./...', why: 'go is not on PATH' });
  expect(read(repository, '.orch/workflows/check.yaml')).toContain('#   go test ./...: go is not');
});

function findProgram(name: string): string {
  return execFileSync('sh', ['-c', `command -v ${name}`])
    .toString()
    .trim();
}

test('outside of a repository it says how to make one', async () => {
  const refused = await runOrchJson(['init'], { cwd: makeTemporaryFolder() });
  const error = { code: 'ORCH_NOT_A_REPOSITORY', fix: 'git init' };
  expect(refused).toMatchObject({ code: 3, document: { error } });
});

test.for(['.orch', '.orch/workflows'])(
  'where %s is a link out of the repository, nothing is written',
  async (path) => {
    const repository = makeSample({});
    const elsewhere = makeTemporaryFolder();
    for (const target of [elsewhere, join(elsewhere, 'nothing')]) {
      repository.remove('.orch');
      if (path !== '.orch') repository.write('.orch/mine', '');
      symlinkSync(target, repository.path(path));
      const refused = await runOrchJson(['init'], { cwd: repository.top });
      expect(refused).toMatchObject({ code: 4, document: { error: { code: 'ORCH_IN_THE_WAY' } } });
      expect(readdirSync(elsewhere)).toEqual([]);
    }
  },
);

test('a file named .orch is in the way, and stays', async () => {
  const repository = makeSample({ '.orch': 'mine' });
  const refused = await runOrchJson(['init'], { cwd: repository.top });
  expect(refused).toMatchObject({ code: 4, document: { error: { code: 'ORCH_IN_THE_WAY' } } });
  expect(read(repository, '.orch')).toBe('mine');
});

test('where no merge driver is set up, git merges what has the attribute as text', async () => {
  const repository = makeSample({});
  await runOrch(['init'], { cwd: repository.top });
  const path = '.orch/tasks/t.md';
  const lines = Array.from({ length: 9 }, (_, index) => `line ${index}`);
  const save = (change: Record<number, string>, message: string) => {
    repository.write(path, `${lines.map((line, index) => change[index] ?? line).join('\n')}\n`);
    repository.commitAll(message);
  };
  save({}, 'base');
  repository.git('switch', '-q', '-c', 'other');
  save({ 0: 'theirs' }, 'theirs');
  repository.git('switch', '-q', 'main');
  save({ 8: 'ours' }, 'ours');
  repository.git('merge', '-q', '--no-edit', 'other');
  expect(read(repository, path)).toMatch(/^theirs\n(.|\n)*\nours\n$/);
});
