/** Settings that are read and checked and that nothing acts on yet: whoever relies on one has to hear it. */
import type { Config } from './config-schema.ts';
import type { Workflow } from './workflow.ts';

/** @returns their names as they are written; those of the settings say where they stand */
export function settingsWithoutEffect(workflow: Workflow, config: Config): string[] {
  const keys = workflow.notify === undefined ? [] : ['notify'];
  const { memoryBytes, timeMs } = config.limits;
  const hasLimits = memoryBytes !== undefined || timeMs !== undefined;
  return [...keys, ...(hasLimits ? ['limits (.orch/config.yaml)'] : [])];
}
