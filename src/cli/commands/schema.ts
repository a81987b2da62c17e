/**
 * `orch schema <kind>`: prints the JSON Schema of a file, for completion and checking in editors.
 *
 * The schema is the answer with and without --json; there is no other way to say it.
 */
import { Argument, type Command } from 'commander';
import type { SchemaKind } from '../../workflow/schema-keys.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

const KINDS: readonly SchemaKind[] = ['workflow', 'config'];

export function registerSchema(program: Command, context: CliContext): void {
  const command = program
    .command('schema')
    .addArgument(new Argument('<kind>', 'which file').choices(KINDS))
    .description('print the JSON Schema of a file, for your editor')
    .action(async (kind: SchemaKind) => {
      const { jsonSchemaOf } = await import('../../workflow/schema-keys.ts');
      const schema = jsonSchemaOf(kind);
      context.printResult(
        () => schema,
        () => JSON.stringify(schema, null, 2),
      );
    });
  addExamples(command, [
    'orch schema workflow > .orch/workflow.schema.json',
    '# then, as the first line of a workflow:',
    '# yaml-language-server: $schema=../workflow.schema.json',
  ]);
}
