/** The work of `orch init`. */
import { delimiter } from 'node:path';
import { type InitReport, initRepository } from '../../engine/init-repository.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

const NEXT = ['orch plan check', 'orch run check'];

export async function initCommand(context: CliContext): Promise<void> {
  const { ports, git } = await openProject(context);
  const root = git.repository.worktree;
  const searchPath = (context.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const report = initRepository(ports.files, { root, searchPath });
  context.printResult(
    () => describe(root, report),
    () => render(report),
  );
}

function describe(root: string, { files, detected }: InitReport) {
  return { root, files, steps: detected.steps, left_out: detected.leftOut, next: NEXT };
}

function render({ files, detected }: InitReport): string {
  const isOurs = files.some(
    ({ path, action }) => path.startsWith('.orch/workflows/') && action === 'created',
  );
  return [
    ...files.map(({ path, action }) => `${action.padEnd(8)}  ${path}`),
    ...(isOurs ? ['', 'The workflow "check" runs:'] : []),
    ...(isOurs ? detected.steps.map(({ id, run }) => `  ${id}: ${run}`) : []),
    ...(isOurs
      ? detected.leftOut.map(({ command, why }) => `  left out: ${command} (${why})`)
      : []),
    '',
    'next: orch plan check     shows what would happen',
    '      orch run check      runs it, with a checkpoint after every wave',
  ].join('\n');
}
