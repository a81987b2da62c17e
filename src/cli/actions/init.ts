/** The work of `orch init`. */
import { realpathSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { type InitReport, initRepository } from '../../engine/init-repository.ts';
import { uncommittedPaths } from '../../engine/uncommitted-paths.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

interface Made extends InitReport {
  readonly root: string;
  /** Where the user stands, from the top; '' is the top. */
  readonly folder: string;
  /** What to type next, in order. */
  readonly next: readonly string[];
}

const PLAN = 'orch plan check';
const RUN = 'orch run check';
const FEATURE = 'orch run feature --input task="..."';
const WHY: Readonly<Record<string, string>> = {
  [PLAN]: 'shows what would happen',
  [RUN]: 'runs it, with a checkpoint after every wave',
  [FEATURE]: 'lets agents build something',
};

export async function initCommand(context: CliContext): Promise<void> {
  const { ports, git } = await openProject(context);
  const root = git.repository.worktree;
  const folder = relative(root, realpathSync(context.cwd));
  const searchPath = (context.env['PATH'] ?? '').split(delimiter).filter((each) => each !== '');
  const report = initRepository(ports.files, { root, folder, searchPath });
  const commit = commitCommand(
    await uncommittedPaths(git, pathsForGit(root, report)),
    relative(folder, ''),
  );
  const feature = report.agents.length === 0 ? [] : [FEATURE];
  const made = { ...report, root, folder, next: [...commit, PLAN, RUN, ...feature] };
  context.printResult(
    () => describe(made),
    () => render(context, made),
  );
}

/** Where git finds the files: .orch may be a symbolic link, perhaps to a place that git does not see. */
function pathsForGit(root: string, { files }: InitReport): string[] {
  const paths = files.map(({ path }) => relative(root, realpathSync(join(root, path))));
  return paths.filter((path) => !path.startsWith('..'));
}

/** A run that begins on uncommitted files is not accepted without being asked: so commit first. */
function commitCommand(uncommitted: readonly string[], up: string): string[] {
  if (uncommitted.length === 0) return [];
  const tops = new Set(uncommitted.map((path) => join(up, path.split('/')[0] ?? path)));
  return [`git add ${[...tops].join(' ')} && git commit -m "Add orch"`];
}

function describe({ root, files, detected, agents, next }: Made) {
  return { root, files, steps: detected.steps, left_out: detected.leftOut, agents, next };
}

function render(
  { quiet }: CliContext,
  { root, folder, files, detected, agents, next }: Made,
): string {
  const isOurs = files.some(
    ({ path, action }) => path.startsWith('.orch/workflows/') && action === 'created',
  );
  return [
    ...(folder === '' ? [] : [`at the top of the repository, ${root}:`]),
    ...files.map(({ path, action }) => `${action.padEnd(8)}  ${path}`),
    ...(files.some(isMarked) ? ['', ABOUT_THE_MARK] : []),
    ...(isOurs ? ['', 'The workflow "check" runs:'] : []),
    ...(isOurs ? detected.steps.map(({ id, run, from }) => `  ${id}: ${run} (${from})`) : []),
    ...(isOurs
      ? detected.leftOut.map(({ command, why }) => `  left out: ${command} (${why})`)
      : []),
    ...(agents.length === 0 ? [] : ['', `agents on PATH: ${agents.join(', ')}`]),
    ...(quiet ? [] : ['', ...nextLines(next)]),
  ].join('\n');
}

function nextLines(next: readonly string[]): string[] {
  const explained = next.filter((command) => WHY[command] !== undefined);
  const width = Math.max(...explained.map((command) => command.length));
  return next.map((command, index) => {
    const why = WHY[command];
    const shown = why === undefined ? command : `${command.padEnd(width)}  ${why}`;
    return `${index === 0 ? 'next:' : '     '} ${shown}`;
  });
}

function isMarked({ path, action }: InitReport['files'][number]): boolean {
  return path === '.gitattributes' && action !== 'kept';
}

const ABOUT_THE_MARK =
  '.gitattributes marks .orch/** for a merge driver named "orch"; until git knows one, it merges them as text.';
