/** The work of `orch audit`. */
import { EXIT } from '../../base/errors.ts';
import { plural } from '../../base/text.ts';
import { type Audit, auditRun } from '../../engine/audit-run.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

export async function auditCommand(context: CliContext, meant: string | undefined): Promise<void> {
  const { ports, git } = await openProject(context);
  const audit = await auditRun(ports, git, meant);
  const { run, where, checkpoints, isLive, findings } = audit;
  const ok = findings.every(({ severity }) => severity === 'note');
  if (!ok) context.exitCode = EXIT.failed;
  context.printResult(
    () => ({ run, ok, branch: where, checkpoints, live: isLive, findings }),
    () => describe(audit, ok),
  );
}

function describe({ run, where, checkpoints, isLive, findings }: Audit, ok: boolean): string {
  const scope = `${plural(checkpoints, 'checkpoint')} on ${where}`;
  const head = ok
    ? `run ${run}: ${scope}${isLive ? ', refs' : ''} and journal agree`
    : `run ${run}: ${scope}, and not all is as it should be`;
  return [
    head,
    ...(isLive ? [] : ['  its files are not here: only what is committed was checked']),
    ...findings.flatMap(({ severity, check, what, fix }) => [
      `  ${severity}: ${check}: ${what}`,
      `    fix: ${fix}`,
    ]),
  ].join('\n');
}
