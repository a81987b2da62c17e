/** Tells people which of their settings nothing acts on yet. */
import type { Config } from '../workflow/config-schema.ts';
import { settingsWithoutEffect } from '../workflow/without-effect.ts';
import type { Workflow } from '../workflow/workflow.ts';
import type { CliContext } from './context.ts';

export function noteWithoutEffect(context: CliContext, workflow: Workflow, config: Config): void {
  const names = settingsWithoutEffect(workflow, config);
  if (names.length > 0) context.note(`note: without effect in this version: ${names.join(', ')}`);
}
