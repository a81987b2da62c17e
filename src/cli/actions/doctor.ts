/** The work of `orch doctor`. */
import { EXIT, OrchError } from '../../base/errors.ts';
import { diagnose } from '../../engine/diagnose.ts';
import { loadConfig } from '../../engine/load-definition.ts';
import type { GitPort } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { findingsDocument, isHealthy, renderFindings } from '../../view/finding.ts';
import { type Config, DEFAULT_CONFIG } from '../../workflow/config-schema.ts';
import type { CliContext } from '../context.ts';
import { poolRequest } from '../pool-request.ts';

export interface DoctorOptions {
  readonly fix?: boolean;
}

export async function doctorCommand(context: CliContext, options: DoctorOptions): Promise<void> {
  const ports = await context.loadPorts();
  const findings = await diagnose(ports, {
    folder: context.cwd,
    nodeVersion: process.versions.node,
    fix: options.fix ?? false,
    pool: (git) => poolRequest(context, ports, git, configOf(ports, git)),
  });
  context.printResult(
    () => findingsDocument(findings),
    () => renderFindings(findings, context),
  );
  context.exitCode = isHealthy(findings) ? EXIT.done : EXIT.failed;
}

/** A broken config.yaml is told by every other command; worktrees are where they are without it too. */
function configOf({ files }: Ports, git: GitPort): Config {
  try {
    return loadConfig(files, git.repository.worktree);
  } catch (error) {
    if (error instanceof OrchError) return DEFAULT_CONFIG;
    throw error;
  }
}
