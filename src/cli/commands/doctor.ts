/** `orch doctor`: finds what is wrong with the machine, the repository and old runs. */
import type { Command } from 'commander';
import type { DoctorOptions } from '../actions/doctor.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerDoctor(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .description('find what is wrong: git, the repository, what dead runs left; exit 1 if anything')
    .option('--fix', 'mend what is safe: stale locks, temporary files, lost refs, orphans')
    .action(async (options: DoctorOptions) => {
      const { doctorCommand } = await import('../actions/doctor.ts');
      await doctorCommand(context, options);
    });
  addExamples(command, [
    'orch doctor               looks and changes nothing',
    'orch doctor --fix         never deletes a run or a ref',
  ]);
}
