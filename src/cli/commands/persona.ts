/** `orch persona list|show|add`: who agents can be. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerPersona(program: Command, context: CliContext): void {
  const persona = program
    .command('persona')
    .description('list, show and add personas: who the agents of steps should be');
  addExamples(persona, [
    'orch persona list',
    'orch persona show reviewer',
    'orch persona add reviewer          a copy of your own, to change',
  ]);
  const list = persona
    .command('list')
    .description('list personas: of the project, of Claude Code, built in')
    .action(async () => {
      const { listPersonas } = await import('../actions/persona.ts');
      await listPersonas(context);
    });
  addExamples(list, ['orch persona list', "orch persona list --json | jq -r '.personas[].name'"]);
  const show = persona
    .command('show')
    .argument('<name>', 'name of a persona')
    .description('print what an agent is told that should be this persona')
    .action(async (name: string) => {
      const { showPersona } = await import('../actions/persona.ts');
      await showPersona(context, name);
    });
  addExamples(show, ['orch persona show architect', 'orch persona show architect --json']);
  const add = persona
    .command('add')
    .argument('<name>', 'its name, in lower case')
    .option('--from <name>', 'begin with this persona (default: the one of the same name)')
    .description('write a persona to .orch/personas, to be changed')
    .action(async (name: string, options: { readonly from?: string }) => {
      const { addPersona } = await import('../actions/persona.ts');
      await addPersona(context, name, options.from);
    });
  addExamples(add, [
    'orch persona add reviewer                    a copy of the built-in one',
    'orch persona add strict-reviewer --from reviewer',
    'orch persona add data-engineer               begins with an outline',
  ]);
}
