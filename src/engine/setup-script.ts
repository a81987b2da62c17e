/**
 * Makes a new worktree ready as the first part of the first job in it, so that it is supervised,
 * logged and stopped like any other work.
 */
import { quoteWord } from '../base/shell.ts';
import type { LiveRun } from './live-run.ts';
import { type Place, poolOf } from './places.ts';

/** In the attempt's folder: what git ignored right after the setup; there only when it succeeded. */
const MADE = 'setup-made';

/** @param folder of the attempt */
export function withSetup({ setup }: Place, folder: string, script: string): string {
  if (setup === undefined) return script;
  const made = quoteWord(`${folder}/${MADE}`);
  return [
    `sh -c ${quoteWord(setup)} || { code=$?; echo "orch: worktree.setup failed with exit code $code" >&2; exit $code; }`,
    `git ls-files --others --ignored --exclude-standard --directory -z > ${made}.part && mv ${made}.part ${made}`,
    `exec sh -c ${quoteWord(script)}`,
  ].join('\n');
}

/** After the job: what its setup made is kept for the next one. */
export function noteSetup(run: LiveRun, { claim, setup }: Place, folder: string): void {
  if (claim === undefined || setup === undefined) return;
  const made = run.parts.ports.files.readText(`${folder}/${MADE}`);
  if (made !== undefined) poolOf(run).noteSetup(claim, made.split('\0').filter(Boolean));
}
