/** The work of `orch gc`. */
import { parseDuration } from '../../base/duration.ts';
import { OrchError } from '../../base/errors.ts';
import { plural } from '../../base/text.ts';
import { collectGarbage, type GcReport } from '../../engine/collect-garbage.ts';
import { loadConfig } from '../../engine/load-definition.ts';
import { DEFAULT_RETENTION_MS } from '../../workflow/settings.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';
import { poolRequest } from '../pool-request.ts';

export interface GcOptions {
  readonly dryRun?: boolean;
  /** As written; read in the action, because its parser is not loaded at a start. */
  readonly olderThan?: string;
}

export async function gcCommand(context: CliContext, options: GcOptions): Promise<void> {
  const olderThanMs = readAge(options.olderThan);
  const { ports, git } = await openProject(context);
  const config = loadConfig(ports.files, git.repository.worktree);
  const dryRun = options.dryRun ?? false;
  const report = await collectGarbage(ports, git, {
    dryRun,
    retentionMs: config.checkpoint.retentionMs ?? DEFAULT_RETENTION_MS,
    ...(olderThanMs !== undefined && { olderThanMs }),
    pool: poolRequest(context, ports, git, config),
  });
  context.printResult(
    () => ({ dry_run: dryRun, ...report }),
    () => describe(report, dryRun),
  );
}

function readAge(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ageMs = parseDuration(text);
  if (ageMs !== undefined) return ageMs;
  throw new OrchError('ORCH_USAGE', `--older-than: ${JSON.stringify(text)} is not a duration`, {
    fix: 'give it as 30d or 12h',
  });
}

function describe({ removed, kept }: GcReport, dryRun: boolean): string {
  const done = dryRun ? 'would delete' : 'deleted';
  return [
    ...removed.map(({ kind, name, why }) => `${done} ${kind} ${name}: ${why}`),
    ...kept.map(({ kind, name, why }) => `kept ${kind} ${name}: ${why}`),
    `${done} ${plural(removed.length, 'thing')}, kept ${kept.length}`,
  ].join('\n');
}
