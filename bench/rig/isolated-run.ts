/** A repository of many small files, and an isolated run in it measured from its own events. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FILES_PER_FOLDER = 100;

Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });

export interface IsolatedBench extends Disposable {
  /** Top of the repository. */
  readonly top: string;
  addWorkflow(name: string, text: string): void;
  commitAll(): void;
  /** @returns milliseconds from the first start of a step to the last merge */
  run(workflow: string): number;
}

/** Files are `d<0..>/f<0..99>.ts`; the worktrees of its runs lie beside it. Gone when disposed. */
export function makeIsolatedBench(files: number): IsolatedBench {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'orch-bench-')));
  const top = join(folder, 'repository');
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
  const git = (...args: string[]): void => {
    const result = spawnSync('git', args, { cwd: top });
    if (result.status !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
  };
  mkdirSync(join(top, '.orch/workflows'), { recursive: true });
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.org');
  git('config', 'gc.auto', '0');
  for (let file = 0; file < files; file += 1) {
    const place = join(top, `d${Math.floor(file / FILES_PER_FOLDER)}`);
    if (file % FILES_PER_FOLDER === 0) mkdirSync(place);
    writeFileSync(join(place, `f${file % FILES_PER_FOLDER}.ts`), `file ${file}\n`.repeat(5));
  }
  return {
    top,
    addWorkflow: (name, text) => writeFileSync(join(top, `.orch/workflows/${name}.yaml`), text),
    commitAll() {
      git('add', '-A');
      git('commit', '-qm', 'base');
    },
    run(workflow) {
      const args = ['bin/orch.js', '-C', top, 'run', workflow, '--json'];
      const options = { env, encoding: 'utf8', maxBuffer: 1 << 28 } as const;
      const { stdout, stderr, status } = spawnSync(process.execPath, args, options);
      if (status !== 0) {
        throw new Error(
          `orch run ${workflow} ended with ${status}: ${stderr}${stdout.slice(-500)}`,
        );
      }
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; at: string });
      const first = events.find(({ type }) => type === 'step.started');
      const last = events.findLast(({ type }) => type === 'merge.finished');
      return Date.parse(last?.at ?? '') - Date.parse(first?.at ?? '');
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
