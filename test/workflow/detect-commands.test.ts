/** Which commands `orch init` finds in a repository, and that what it writes is always a valid workflow. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/workflow/config-schema.ts';
import { type Detected, detectCommands } from '../../src/workflow/first/detect-commands.ts';
import { makeTargets } from '../../src/workflow/first/detect-toolchains.ts';
import {
  addMergeAttribute,
  CONFIG_TEXT,
  projectText,
  workflowText,
} from '../../src/workflow/first/write-files.ts';
import { loadWorkflow } from '../../src/workflow/load.ts';

/** @param files path -> text @param programs on PATH; all when absent */
function detectIn(files: Readonly<Record<string, string>>, programs?: readonly string[]): Detected {
  const paths = Object.keys(files);
  return detectCommands({
    names: new Set(paths.map((path) => path.split('/')[0] ?? '')),
    folders: [...new Set(paths.flatMap((path) => path.split('/').slice(0, -1).slice(0, 1)))],
    text: (path) => (Object.hasOwn(files, path) ? files[path] : undefined),
    hasFile: (path) => Object.hasOwn(files, path),
    hasProgram: (name) => programs?.includes(name) ?? true,
  });
}

const packageJson = (scripts: unknown, more = {}) => JSON.stringify({ scripts, ...more });
const runsOf = ({ steps }: Detected) => Object.fromEntries(steps.map(({ id, run }) => [id, run]));

describe('detectCommands', () => {
  test.for<{ name: string; files: Record<string, string>; runs: Record<string, string> }>([
    {
      name: 'scripts of npm that mean the same everywhere, and no other',
      files: {
        'package.json': packageJson({ test: 'node --test', lint: 'biome', deploy: 'rm -rf /' }),
      },
      runs: { lint: 'npm run lint', test: 'npm run test' },
    },
    {
      name: "npm's own placeholder is no test",
      files: {
        'package.json': packageJson({
          test: 'echo "Error: no test specified" && exit 1',
          build: 'tsc',
        }),
      },
      runs: { build: 'npm run build' },
    },
    {
      name: 'the lock file says which package manager',
      files: { 'package.json': packageJson({ test: 'jest' }), 'pnpm-lock.yaml': '' },
      runs: { test: 'pnpm run test' },
    },
    {
      name: 'packageManager says it before a lock file does',
      files: {
        'package.json': packageJson({ test: 'jest' }, { packageManager: 'yarn@4.1.0' }),
        'package-lock.json': '',
      },
      runs: { test: 'yarn run test' },
    },
    {
      name: 'dependencies are installed where they are missing',
      files: {
        'package.json': packageJson({ test: 'jest' }, { devDependencies: { jest: '1' } }),
        'package-lock.json': '',
        '.gitignore': 'dist\n/node_modules/\n',
      },
      runs: { install: 'test -d node_modules || npm ci', test: 'npm run test' },
    },
    {
      name: 'targets of a Makefile',
      files: { Makefile: 'CC := gcc\nlint check: all\n\ttrue\n' },
      runs: { lint: 'make lint', test: 'make check' },
    },
    {
      name: 'a Makefile adds only what nothing else offers',
      files: {
        'Cargo.toml': '',
        Makefile: 'test:\n\tcargo test\ntypes:\n\ttrue\n',
      },
      runs: {
        lint: 'cargo clippy',
        build: 'cargo build',
        test: 'cargo test',
        types: 'make types',
      },
    },
    {
      name: 'two kinds of project side by side',
      files: { 'package.json': packageJson({ test: 'jest' }), 'go.mod': '' },
      runs: {
        test: 'npm run test',
        lint: 'go vet ./...',
        build: 'go build ./...',
        'test-go': 'go test ./...',
      },
    },
    {
      name: 'tools that a Python project names',
      files: { 'pyproject.toml': '[tool.pytest.ini_options]\n[tool.mypy]\n', 'ruff.toml': '' },
      runs: { lint: 'ruff check .', types: 'mypy .', test: 'pytest' },
    },
    {
      name: 'tools of a virtual environment',
      files: { 'requirements.txt': 'pytest==8\n', '.venv/bin/pytest': '' },
      runs: { test: '.venv/bin/pytest' },
    },
    {
      name: 'a Maven wrapper before Maven',
      files: { 'pom.xml': '', mvnw: '', './mvnw': '' },
      runs: { build: './mvnw -B -q -DskipTests package', test: './mvnw -B test' },
    },
    {
      name: '.NET by any project file',
      files: { 'App.csproj': '' },
      runs: { build: 'dotnet build', test: 'dotnet test --no-build' },
    },
    {
      name: 'a repository of plain text still gets a step',
      files: { 'README.md': 'hello' },
      runs: {
        'conflict-markers': 'git -c core.whitespace=-trailing-space,-space-before-tab diff --check',
      },
    },
  ])('$name', ({ files, runs }) => {
    expect(runsOf(detectIn(files))).toEqual(runs);
  });

  test('what cannot run here is left out and named', () => {
    const { steps, leftOut } = detectIn({ 'Cargo.toml': '' }, ['cargo']);
    expect(steps.map(({ id }) => id)).toEqual(['build', 'test']);
    expect(leftOut).toEqual([{ command: 'cargo clippy', why: 'cargo-clippy is not on PATH' }]);
  });

  test.for([
    {
      name: 'a script that never ends',
      files: { 'package.json': packageJson({ test: 'jest --watch' }) },
      why: 'it watches and never ends',
    },
    {
      name: 'a manifest that is no object',
      files: { 'package.json': '[]' },
      why: 'it is not a JSON object',
    },
    {
      name: 'an install whose files would fill the checkpoints',
      files: { 'package.json': packageJson({ test: 'jest' }, { dependencies: { jest: '1' } }) },
      why: 'node_modules is not in .gitignore, so checkpoints would hold it',
    },
  ])('$name is left out and named', ({ files, why }) => {
    expect(detectIn(files).leftOut).toMatchObject([{ why }]);
  });

  test('tests wait for the build, and everything for the install', () => {
    const { steps } = detectIn({
      'package.json': packageJson(
        { test: 'a', build: 'b', lint: 'c' },
        { dependencies: { left: '1' } },
      ),
      '.gitignore': 'node_modules',
    });
    const needs = Object.fromEntries(steps.map((step) => [step.id, step.needs]));
    expect(needs).toEqual({ install: [], lint: ['install'], build: ['install'], test: ['build'] });
  });

  test('steps read what is at the top and in folders of sources, not what tools make', () => {
    const { steps } = detectIn({ 'Cargo.toml': '', 'src/a.rs': '', 'target/x': '', 'od[d]/y': '' });
    expect(steps[0]?.reads).toEqual(['*', 'src/**']);
  });

  test('rules of a Makefile are told from assignments', () => {
    const text =
      'A := b\nB ::= c\nC = d:e\none two : three\nfour:: five\n.PHONY: six\n\tseven: x\n%.o: %.c\n';
    expect([...makeTargets(text)].sort()).toEqual(['.PHONY', 'four', 'one', 'two']);
  });
});

/** Files as projects have them, with anything in them. */
const anyFiles = fc.dictionary(
  fc.constantFrom(
    'package.json',
    'Makefile',
    'Cargo.toml',
    'go.mod',
    'pyproject.toml',
    'pom.xml',
    'build.gradle',
    'x.csproj',
    '.gitignore',
    'yarn.lock',
    'a b/c',
    '__proto__/d',
  ),
  fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('test:\nlint:\nbuild:\n', 'pytest ruff mypy', 'node_modules'),
    fc
      .record({ test: fc.string(), lint: fc.string(), build: fc.string() })
      .map((scripts) => packageJson(scripts, { dependencies: { a: '1' } })),
  ),
);

test('whatever a repository holds, the workflow made for it is valid and has a step', () => {
  fc.assert(
    fc.property(
      anyFiles,
      fc.array(fc.constantFrom('npm', 'git', 'make', 'cargo', 'go')),
      (files, programs) => {
        const detected = detectIn(files, programs);
        const { workflow } = loadWorkflow({
          file: 'check.yaml',
          read: () => workflowText(detected),
        });
        expect(workflow.steps.map(({ id, run }) => [id, run])).toEqual(
          detected.steps.map(({ id, run }) => [id, run]),
        );
        expect(workflow.steps.length).toBeGreaterThan(0);
      },
    ),
  );
});

test('the settings that a repository begins with are valid, and so is each that is commented out', () => {
  expect(() => parseConfig(CONFIG_TEXT, 'config.yaml')).not.toThrow();
  const switchedOn = CONFIG_TEXT.replace(/^# (?=\w+:| {2})/gm, '');
  expect(parseConfig(switchedOn, 'config.yaml')).toMatchObject({
    concurrency: 4,
    checkpoint: { maxFileSizeBytes: expect.any(Number) },
    strategies: { careful: { validation: 'strict' } },
  });
});

test('the name of a project cannot drive the terminal that shows its file', () => {
  expect(projectText('\x1b[2J evil\nname', detectIn({}))).toMatch(/^# \ufffd\[2J evil name\n/);
});

describe('addMergeAttribute', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const added = (before: string) => {
    const after = addMergeAttribute(bytes(before));
    return after === undefined ? undefined : new TextDecoder().decode(after);
  };

  test.for<[string, string, string | undefined]>([
    ['stands alone in a new file', '', '.orch/** merge=orch\n'],
    ['comes after what is there', '*.md text\n', '*.md text\n.orch/** merge=orch\n'],
    ['closes a last line without its end', '*.md text', '*.md text\n.orch/** merge=orch\n'],
    ['keeps CRLF', 'a b\r\nc d\r\n', 'a b\r\nc d\r\n.orch/** merge=orch\r\n'],
    ['is there already', '.orch/** merge=orch\n', undefined],
    ['is answered otherwise by the user', ' .orch/**\ttext -merge\r\n', undefined],
    [
      'is not said by a comment',
      '# .orch/** merge=orch\n',
      '# .orch/** merge=orch\n.orch/** merge=orch\n',
    ],
  ])('the line %s', ([, before, after]) => {
    expect(added(before)).toBe(after);
  });

  test('bytes of any encoding stay as they are, and a second time changes nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (before) => {
        const after = addMergeAttribute(before);
        if (after === undefined) return;
        expect(after.subarray(0, before.length)).toEqual(before);
        expect(addMergeAttribute(after)).toBeUndefined();
      }),
    );
  });
});
