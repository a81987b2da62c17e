/** The work of `orch doctor`. */
import { EXIT } from '../../base/errors.ts';
import { diagnose } from '../../engine/diagnose.ts';
import { findingsDocument, isHealthy, renderFindings } from '../../view/finding.ts';
import type { CliContext } from '../context.ts';

export interface DoctorOptions {
  readonly fix?: boolean;
}

export async function doctorCommand(context: CliContext, options: DoctorOptions): Promise<void> {
  const ports = await context.loadPorts();
  const findings = await diagnose(ports, {
    folder: context.cwd,
    nodeVersion: process.versions.node,
    fix: options.fix ?? false,
  });
  context.printResult(
    () => findingsDocument(findings),
    () => renderFindings(findings, context),
  );
  context.exitCode = isHealthy(findings) ? EXIT.done : EXIT.failed;
}
