/** Commands of toolchains that need no list of scripts: what their files at the top say is enough. */
import {
  type CommandKind,
  type Found,
  NOTHING,
  type Offer,
  type RepositoryFacts,
} from './offers.ts';

export function detectCargo({ names }: RepositoryFacts): Found {
  if (!names.has('Cargo.toml')) return NOTHING;
  return offersOf('Cargo.toml', [
    ['build', 'cargo', 'cargo build'],
    ['lint', 'cargo-clippy', 'cargo clippy'],
    ['test', 'cargo', 'cargo test'],
  ]);
}

export function detectGo({ names }: RepositoryFacts): Found {
  if (!names.has('go.mod')) return NOTHING;
  return offersOf('go.mod', [
    ['build', 'go', 'go build ./...'],
    ['lint', 'go', 'go vet ./...'],
    ['test', 'go', 'go test ./...'],
  ]);
}

/** Where Python projects say which tools they use. */
const PYTHON_FILES = [
  'pyproject.toml',
  'setup.cfg',
  'tox.ini',
  'requirements.txt',
  'requirements-dev.txt',
  'dev-requirements.txt',
];

const PYTHON_TOOLS: readonly (readonly [CommandKind, string, string, readonly string[]])[] = [
  ['lint', 'ruff', 'ruff check .', ['ruff.toml', '.ruff.toml']],
  ['types', 'mypy', 'mypy .', ['mypy.ini', '.mypy.ini']],
  ['test', 'pytest', 'pytest', ['pytest.ini', 'conftest.py', 'tests/conftest.py']],
];

export function detectPython(facts: RepositoryFacts): Found {
  const files = PYTHON_FILES.filter((name) => facts.names.has(name));
  const words = files.map((name) => facts.text(name) ?? '').join('\n');
  const offers = PYTHON_TOOLS.flatMap(([kind, tool, command, ownFiles]): Offer[] => {
    const ownFile = ownFiles.find((file) => facts.hasFile(file));
    if (ownFile === undefined && !new RegExp(`\\b${tool}\\b`).test(words)) return [];
    const from = ownFile ?? files.find((name) => facts.text(name)?.includes(tool)) ?? '';
    return [{ kind, from, ...pythonRunner(facts, tool, command) }];
  });
  return { offers, leftOut: [] };
}

/** Tools of a virtual environment are not on PATH; lock files name who makes it. */
function pythonRunner(
  { names, hasFile }: RepositoryFacts,
  tool: string,
  command: string,
): Pick<Offer, 'program' | 'run'> {
  if (names.has('uv.lock')) return { program: 'uv', run: `uv run ${command}` };
  if (names.has('poetry.lock')) return { program: 'poetry', run: `poetry run ${command}` };
  const local = `.venv/bin/${tool}`;
  if (hasFile(local)) return { program: local, run: `.venv/bin/${command}` };
  return { program: tool, run: command };
}

export function detectJava({ names }: RepositoryFacts): Found {
  if (names.has('pom.xml')) {
    const maven = names.has('mvnw') ? './mvnw' : 'mvn';
    return offersOf('pom.xml', [
      ['build', maven, `${maven} -B -q -DskipTests package`],
      ['test', maven, `${maven} -B test`],
    ]);
  }
  const build = ['build.gradle', 'build.gradle.kts'].find((name) => names.has(name));
  if (build === undefined) return NOTHING;
  const gradle = names.has('gradlew') ? './gradlew' : 'gradle';
  return offersOf(build, [
    ['build', gradle, `${gradle} --no-daemon assemble`],
    ['test', gradle, `${gradle} --no-daemon test`],
  ]);
}

export function detectDotnet({ names }: RepositoryFacts): Found {
  const project = [...names].find((name) => /\.(slnx?|csproj|fsproj|vbproj)$/.test(name));
  if (project === undefined) return NOTHING;
  return offersOf('a project file of .NET', [
    ['build', 'dotnet', 'dotnet build'],
    ['test', 'dotnet', 'dotnet test --no-build'],
  ]);
}

/** Names of targets under which projects keep a command of this kind; the first that is there is taken. */
const MAKE_TARGETS: readonly (readonly [CommandKind, readonly string[]])[] = [
  ['lint', ['lint']],
  ['types', ['typecheck', 'type-check', 'types']],
  ['build', ['build']],
  ['test', ['test', 'check']],
];

export function detectMake({ names, text }: RepositoryFacts): Found {
  const file = ['GNUmakefile', 'makefile', 'Makefile'].find((name) => names.has(name));
  if (file === undefined) return NOTHING;
  const targets = makeTargets(text(file) ?? '');
  return offersOf(
    file,
    MAKE_TARGETS.flatMap(([kind, candidates]) => {
      const target = candidates.find((name) => targets.has(name));
      return target === undefined ? [] : [[kind, 'make', `make ${target}`] as const];
    }),
  );
}

/** Targets of rules that begin a line; included files and patterns are not followed. */
export function makeTargets(text: string): Set<string> {
  const targets = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    // `VAR := value` and `VAR ::= value` are assignments.
    const rule = /^([\w./-][\w./ -]*?)\s*:(?!:?=)/.exec(line);
    for (const target of rule?.[1]?.split(/\s+/) ?? []) targets.add(target);
  }
  return targets;
}

function offersOf(
  from: string,
  commands: readonly (readonly [CommandKind, string, string])[],
): Found {
  return {
    offers: commands.map(([kind, program, run]) => ({ kind, from, program, run })),
    leftOut: [],
  };
}
