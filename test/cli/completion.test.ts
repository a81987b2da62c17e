/**
 * Completion as a real bash does it: the script is sourced, a line is typed, TAB is asked for. The
 * tree below stands for the commands of any day; the real program's script is loaded too.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { completionScript } from '../../src/cli/completion/script.ts';
import { BUILT_IN_STRATEGIES } from '../../src/plan/strategies.ts';
import { cleanEnvironment, runOrch } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

function sampleProgram(): Command {
  const program = new Command('orch').option('-C <dir>', 'folder').option('--json', 'JSON');
  program
    .command('run')
    .argument('<workflow>')
    .addOption(new Option('-s, --strategy <name>', 'cut').choices(['auto', 'adaptive']))
    .option('--from <run>', "fork; it's the start");
  program.command('rollback').argument('[run]').option('--to <n>', 'wave');
  program.command('logs').argument('[run]').argument('[step]');
  program.command('approve').argument('<run>').argument('<step>').option('-m <text>', 'why');
  const task = program.command('task').description('tasks');
  task.command('list').addArgument(new Argument('[state]').choices(['open', 'done']));
  task.command('show');
  return program;
}

/** The run of a summary, which is the last line of a stream. */
function runOf(stream: string): string {
  return (JSON.parse(stream.trim().split('\n').at(-1) ?? '') as { run: string }).run;
}

let folder: string;
beforeEach(() => {
  folder = makeTemporaryFolder();
});

/** Readline makes words of their own of these, wherever they stand. */
const BREAKS = /(?<=[@=])(?=.)|(?<=.)(?=[@=])/;

/** What bash offers when TAB is pressed at the end of a line. */
function completionsOf(
  line: string,
  script = completionScript('bash', sampleProgram()),
  cwd = folder,
): string[] {
  const path = join(folder, 'orch.bash');
  writeFileSync(path, script);
  const words = line.split(' ').flatMap((word) => word.split(BREAKS));
  const [call, index] = words[0] === 'git' ? ['_git_orch', 1] : ['_orch', 0];
  const { stdout, stderr } = spawnSync(
    'bash',
    [
      '--norc',
      '-uc',
      'source "$0"; __git_cmd_idx=$1; COMP_LINE=$3; COMP_WORDS=("${@:4}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "$2"; printf "%s\\n" "${COMPREPLY[@]}"',
      path,
      String(index),
      String(call),
      line,
      ...words,
    ],
    { cwd, encoding: 'utf8', env: cleanEnvironment() },
  );
  expect(stderr).toBe('');
  return stdout.split('\n').filter((name) => name !== '');
}

describe('a TAB in bash', () => {
  test.for([
    { line: 'orch ', offers: ['run', 'rollback', 'logs', 'approve', 'task'] },
    { line: 'orch ro', offers: ['rollback'] },
    { line: 'orch task ', offers: ['list', 'show'] },
    { line: 'orch -C . task sh', offers: ['show'] },
    { line: 'orch task list ', offers: ['open', 'done'] },
    { line: 'orch run --str', offers: ['--strategy'] },
    { line: 'orch run --strategy a', offers: ['auto', 'adaptive'] },
    { line: 'orch run -s ad', offers: ['adaptive'] },
    { line: 'orch rollback --to ', offers: [] },
    { line: 'orch run --j', offers: ['--json'] },
    { line: 'git orch task l', offers: ['list'] },
  ])('"$line" offers $offers', ({ line, offers }) => {
    expect(completionsOf(line)).toEqual(offers);
  });

  test('a run is one of the branches below orch/', () => {
    const git = (...args: string[]) =>
      spawnSync('git', args, { cwd: folder, env: cleanEnvironment() });
    git('init', '--quiet');
    git('commit', '--quiet', '--allow-empty', '-m', 'start');
    for (const branch of ['orch/add-search-k3f9', 'orch/ship-7q2x', 'other']) git('branch', branch);
    expect(completionsOf('orch rollback ')).toEqual(['add-search-k3f9', 'ship-7q2x']);
    expect(completionsOf('orch run --from sh')).toEqual(['ship-7q2x']);
  });

  test('a workflow is a file, whatever its name', () => {
    writeFileSync(join(folder, 'nightly build $(x).yaml'), '');
    expect(completionsOf('orch run night')).toEqual(['nightly build $(x).yaml']);
  });

  test('a workflow is also a name in .orch/workflows, from any folder below', () => {
    spawnSync('git', ['init', '--quiet'], { cwd: folder, env: cleanEnvironment() });
    mkdirSync(join(folder, '.orch/workflows'), { recursive: true });
    mkdirSync(join(folder, 'sub'));
    for (const name of ['.orch/workflows/ci.yaml', '.orch/workflows/city.yml', 'cinema.yaml'])
      writeFileSync(join(folder, name), '');
    expect(completionsOf('orch run ci')).toEqual(['ci', 'city', 'cinema.yaml']);
    expect(completionsOf('orch run ci', undefined, join(folder, 'sub'))).toEqual(['ci', 'city']);
  });

  describe('the steps of a run', () => {
    const workflow = (steps: string) => `name: w\nsteps:\n${steps}`;
    const repository = makeRepository();
    afterAll(() => repository[Symbol.dispose]());
    let run: string;
    beforeAll(async () => {
      for (const steps of [
        '  past: { run: "true" }\n',
        '  page: { run: "true" }\n  part: { matrix: { x: [a, b] }, run: "true" }\n',
      ]) {
        repository.write('w.yaml', workflow(steps));
        const { stdout } = await runOrch(['run', 'w.yaml', '--json'], { cwd: repository.top });
        run = runOf(stdout);
      }
    });

    const offered = (line: string) => completionsOf(line, undefined, repository.top).sort();

    test('within quotes as they are, and none where the run has to stand', () => {
      expect(offered(`orch logs ${run} 'part(`)).toEqual(['part(a)', 'part(b)']);
      expect(offered('orch approve pa')).toEqual([]);
    });

    test.for([
      { what: 'after its id', line: () => `orch logs ${run} pa` },
      { what: 'after @latest', line: () => 'orch logs @latest pa' },
      { what: 'after an option with "="', line: () => `orch approve -m a=b ${run} pa` },
      { what: 'after options', line: () => `orch approve -m text ${run} pa` },
      { what: 'of the newest run, where the run may be left out', line: () => 'orch logs pa' },
      {
        what: 'from its branch, when its files are gone',
        line: () => {
          repository.remove('.git/orch');
          return `orch logs ${run} pa`;
        },
      },
    ])('$what', ({ line }) => {
      expect(offered(line())).toEqual(['page', 'part', 'part\\(a\\)', 'part\\(b\\)']);
    });
  });

  test("the program's own script is complete and starts no program", async () => {
    const { stdout } = await runOrch(['completion', 'bash']);
    expect(completionsOf('orch comp', stdout)).toEqual(['completion']);
    expect(completionsOf('orch completion ', stdout)).toEqual(['bash', 'zsh', 'fish']);
    expect(completionsOf('orch run --workspace ', stdout)).toEqual(['in-place', 'isolated']);
    expect(completionsOf('orch run --commit-to ', stdout)).toEqual(['branch', 'current']);
    const strategies = ['auto', ...Object.keys(BUILT_IN_STRATEGIES)].sort();
    for (const command of ['run', 'plan'])
      expect(completionsOf(`orch ${command} --strategy `, stdout).sort()).toEqual(strategies);
    expect(stdout).not.toMatch(/\$\(orch|`orch [a-z]+`$/m);
  });
});

/** Not every machine has these shells: where one is missing, its script is only made. */
describe.for(['zsh', 'fish'] as const)('%s', (shell) => {
  test('reads its script without complaint', ({ skip }) => {
    const path = join(folder, `orch.${shell}`);
    const script = completionScript(shell, sampleProgram());
    writeFileSync(path, script);
    expect(script).toContain('rollback');
    const { error, stderr } = spawnSync(shell, ['-n', path], { encoding: 'utf8' });
    skip(error !== undefined, `${shell} is not installed`);
    expect(stderr).toBe('');
  });
});

describe('a TAB in fish', () => {
  const repository = makeRepository();
  afterAll(() => repository[Symbol.dispose]());
  let run: string;
  beforeAll(async () => {
    repository.write('.orch/workflows/wide.yaml', 'name: w\nsteps:\n  page: { run: "true" }\n');
    const { stdout } = await runOrch(['run', 'wide', '--json'], { cwd: repository.top });
    run = runOf(stdout);
  });

  test.for([
    { line: 'orch ro', offers: () => ['rollback'] },
    { line: 'orch -C . task ', offers: () => ['list', 'show'] },
    { line: 'orch task list ', offers: () => ['done', 'open'] },
    { line: 'orch run --strategy a', offers: () => ['adaptive', 'auto'] },
    { line: 'orch run wi', offers: () => ['wide'] },
    { line: 'orch logs ', offers: () => ['page', run] },
    { line: 'orch approve ', offers: () => [run] },
    { line: 'orch approve @latest ', offers: () => ['page'] },
  ])('"$line"', ({ line, offers }, { skip }) => {
    const path = join(folder, 'orch.fish');
    writeFileSync(path, completionScript('fish', sampleProgram()));
    const { error, stdout } = spawnSync(
      'fish',
      ['--no-config', '-c', `source ${path}; complete -C '${line}'`],
      { cwd: repository.top, encoding: 'utf8', env: cleanEnvironment() },
    );
    skip(error !== undefined, 'fish is not installed');
    const words = stdout.split('\n').map((item) => item.split('\t')[0] ?? '');
    expect(words.filter((word) => word !== '').sort()).toEqual(offers());
  });
});
