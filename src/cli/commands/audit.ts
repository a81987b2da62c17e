/** `orch audit [run]`: whether refs, commits and journal agree. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerAudit(program: Command, context: CliContext): void {
  const command = program
    .command('audit')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .description('check that refs, commits and journal of a run agree')
    .action(async (run: string | undefined) => {
      const { auditCommand } = await import('../actions/audit.ts');
      await auditCommand(context, run);
    });
  addExamples(command, [
    'orch audit                                the newest run; exit code 1 when something is wrong',
    'orch audit add-search --json | jq .findings',
  ]);
}
