/** Which commands `orch init` finds in a repository, and that what it writes is always a valid workflow. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/workflow/config-schema.ts';
import { type Detected, detectCommands } from '../../src/workflow/first/detect-commands.ts';
import { makeTargets } from '../../src/workflow/first/detect-toolchains.ts';
import {
  addMergeAttribute,
  configText,
  projectText,
  workflowText,
} from '../../src/workflow/first/write-files.ts';
import { loadWorkflow } from '../../src/workflow/load.ts';

/** @param files path -> text @param programs on PATH; all when absent @param folder where the user stands */
function detectIn(
  files: Readonly<Record<string, string>>,
  programs?: readonly string[],
  folder = '',
): Detected {
  const paths = Object.keys(files);
  const list = (above: string) => {
    const start = above === '' ? '' : `${above}/`;
    const below = paths.filter((path) => path.startsWith(start));
    return [...new Set(below.map((path) => path.slice(start.length).split('/')[0] ?? ''))];
  };
  const facts = {
    names: new Set(list('')),
    folders: list('').filter((name) => list(name).length > 0),
    list,
    text: (path: string) => (Object.hasOwn(files, path) ? files[path] : undefined),
    hasFile: (path: string) => Object.hasOwn(files, path),
    hasProgram: (name: string) => programs?.includes(name) ?? true,
  };
  return detectCommands(facts, folder);
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
        'conflict-markers': "git grep -nIE --all-match -e '^<{7} ' -e '^>{7} '; test $? -eq 1",
      },
    },
  ])('$name', ({ files, runs }) => {
    expect(runsOf(detectIn(files))).toEqual(runs);
  });

  /** Two packages: `api` has a test, `ui` has a test and a build. */
  const PACKAGES = {
    'apps/api/package.json': packageJson({ test: 'node --test' }, { name: 'api' }),
    'packages/ui/package.json': packageJson({ test: 'jest', build: 'vite' }, { name: '@x/ui' }),
  };
  const workspaces = ['apps/*', './packages/ui'];

  test.for<{ name: string; files: Record<string, string>; runs: Record<string, string> }>([
    {
      name: 'by npm',
      files: { 'package.json': packageJson({}, { workspaces }) },
      runs: {
        build: 'npm run build --workspaces --if-present',
        test: 'npm run test --workspaces --if-present',
      },
    },
    {
      name: 'by npm, only what the top has no script for',
      files: { 'package.json': packageJson({ test: 'turbo test' }, { workspaces }) },
      runs: { build: 'npm run build --workspaces --if-present', test: 'npm run test' },
    },
    {
      name: 'by pnpm, which names its packages in a file of its own',
      files: {
        'package.json': packageJson({}),
        'pnpm-workspace.yaml': 'packages:\n  - "**"\n  - "!packages/**"\n',
      },
      runs: { test: 'pnpm --recursive --if-present run test' },
    },
    {
      name: 'by yarn 2 and later',
      files: {
        'package.json': packageJson({}, { workspaces, packageManager: 'yarn@4.9.1' }),
      },
      runs: {
        build: 'yarn workspaces foreach --all run build',
        test: 'yarn workspaces foreach --all run test',
      },
    },
    {
      name: 'by yarn 1, which fails where a package has no such script',
      files: {
        'package.json': packageJson({}, { workspaces: { packages: workspaces } }),
        'yarn.lock': '',
      },
      runs: { build: 'yarn workspace @x/ui run build', test: 'yarn workspaces run test' },
    },
    {
      name: 'by bun',
      files: { 'package.json': packageJson({}, { workspaces }), 'bun.lock': '' },
      runs: { build: "bun run --filter '*' build", test: "bun run --filter '*' test" },
    },
  ])('scripts of the packages of a workspace are run $name', ({ files, runs }) => {
    expect(runsOf(detectIn({ ...files, ...PACKAGES }))).toEqual(runs);
  });

  test('a step of a workspace says in which packages it was found', () => {
    const more = Object.fromEntries(
      ['c', 'd'].map((name) => [`apps/${name}/package.json`, packageJson({ test: 'jest' })]),
    );
    const top = { 'package.json': packageJson({}, { workspaces }) };
    const { steps } = detectIn({ ...top, ...PACKAGES, ...more });
    expect(steps.map(({ from }) => from)).toEqual([
      'package.json in packages/ui',
      'package.json in apps/api, apps/c, apps/d and 1 more',
    ]);
  });

  test('packages are found at any depth, and not below what tools make', () => {
    const test = packageJson({ test: 'jest' });
    const { steps } = detectIn({
      'package.json': packageJson({}, { workspaces: ['libs/**'] }),
      'libs/one/two/package.json': test,
      'libs/one/node_modules/x/package.json': test,
      'libs/.cache/package.json': test,
    });
    expect(steps.map(({ from }) => from)).toEqual(['package.json in libs/one/two']);
  });

  test.for([
    ['which always fails', 'echo "Error: no test specified" && exit 1'],
    ['never ends', 'jest --watch'],
  ])('a test of one package that %s is not run in any', ([why = '', script]) => {
    const { steps, leftOut } = detectIn({
      'package.json': packageJson({}, { workspaces }),
      ...PACKAGES,
      'apps/old/package.json': packageJson({ test: script }),
    });
    expect(steps.map(({ id }) => id)).toEqual(['build']);
    expect(leftOut).toEqual([
      {
        command: 'npm run test --workspaces --if-present',
        why: expect.stringMatching(`apps/old.*${why}`),
      },
    ]);
  });

  test('packages that depend on something are installed at the top', () => {
    const { steps } = detectIn({
      'package.json': packageJson({}, { workspaces }),
      'apps/api/package.json': packageJson({ test: 'jest' }, { dependencies: { a: '1' } }),
      '.gitignore': 'node_modules',
    });
    expect(steps[0]?.run).toBe('test -d node_modules || npm install');
  });

  describe('in a folder of a repository whose top offers nothing', () => {
    const api = {
      'apps/api/package.json': packageJson({ test: 'jest' }, { dependencies: { a: '1' } }),
      '.gitignore': 'node_modules',
    };

    test('the commands of that folder are run there', () => {
      expect(detectIn(api, undefined, 'apps/api').steps).toEqual([
        {
          id: 'install',
          run: 'cd apps/api && (test -d node_modules || npm install)',
          needs: [],
          reads: [],
          from: 'apps/api/package.json',
        },
        {
          id: 'test',
          run: 'cd apps/api && npm run test',
          needs: ['install'],
          reads: ['apps/api/**'],
          from: 'apps/api/package.json',
        },
      ]);
    });

    test('or those of the nearest folder above', () => {
      expect(detectIn(api, undefined, 'apps/api/src/deep')).toEqual(
        detectIn(api, undefined, 'apps/api'),
      );
    });

    test('but never before those of the top', () => {
      const files = { ...api, 'go.mod': '' };
      expect(detectIn(files, undefined, 'apps/api')).toEqual(detectIn(files));
      expect(detectIn(files).steps[0]?.run).toBe('go vet ./...');
    });

    test('a name of a folder is no shell code and no pattern', () => {
      const folder = "it's [a] $(b)";
      const { steps } = detectIn({ [`${folder}/go.mod`]: '' }, undefined, folder);
      expect(steps[0]).toMatchObject({
        run: `cd 'it'\\''s [a] $(b)' && go vet ./...`,
        reads: [],
      });
    });
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
    'a b/go.mod',
    'pnpm-workspace.yaml',
    'apps/x/package.json',
  ),
  fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(
      'test:\nlint:\nbuild:\n',
      'pytest ruff mypy',
      'node_modules',
      'packages: ["**"]',
    ),
    fc
      .record({ test: fc.string(), lint: fc.string(), build: fc.string() })
      .map((scripts) => packageJson(scripts, { dependencies: { a: '1' } })),
  ),
);

test('whatever a repository holds, the workflow made for it is valid and has a step', () => {
  fc.assert(
    fc.property(
      anyFiles,
      fc.array(fc.constantFrom('npm', 'pnpm', 'git', 'make', 'cargo', 'go')),
      fc.constantFrom('', 'a b', 'apps/x/src'),
      (files, programs, folder) => {
        const detected = detectIn(files, programs, folder);
        const { workflow } = loadWorkflow({
          file: 'check.yaml',
          read: () => workflowText(detected),
        });
        expect(workflow.steps.map(({ id, run }) => [id, run])).toEqual(
          detected.steps.map(({ id, run }) => [id, run]),
        );
        expect(workflow.steps.length).toBeGreaterThan(0);
        expect(workflow.failFast).toBe(false);
      },
    ),
  );
});

test('a name of a folder cannot add lines to the workflow', () => {
  const folder = 'a\nname: other';
  const { steps } = detectIn({ [`${folder}/go.mod`]: '' }, undefined, folder);
  const text = workflowText({ steps, leftOut: [{ command: folder, why: 'b\nenv: {}' }] });
  expect(text).not.toMatch(/^(name: other|env)/m);
  expect(text).toMatch(/^name: check$/m);
});

test('the settings that a repository begins with are valid, and so is each that is commented out', () => {
  const text = configText([]);
  expect(() => parseConfig(text, 'config.yaml')).not.toThrow();
  const switchedOn = text.replace(/^# (?=\w+:| {2})/gm, '');
  expect(parseConfig(switchedOn, 'config.yaml')).toMatchObject({
    concurrency: 4,
    checkpoint: { maxFileSizeBytes: expect.any(Number) },
    strategies: { careful: { validation: 'strict' } },
    agents: { coder: { program: 'codex' }, script: { program: 'exec' } },
  });
});

test('agent programs that are there stand in the settings, the one for auto first', () => {
  const { agents } = parseConfig(configText(['claude', 'codex']), 'config.yaml');
  expect(Object.keys(agents)).toEqual(['claude', 'codex']);
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
