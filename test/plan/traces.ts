/**
 * Recorded executions of real workflows, read from beside the repository when they are there
 * (ORCH_TRACES, else ../shared/data/workflows). They are not ours to keep, so nothing is copied.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Workflow } from '../../src/workflow/workflow.ts';
import { stepOf, workflowOf } from './builders.ts';

interface Trace {
  readonly name: string;
  readonly tasks: readonly {
    readonly id: number;
    readonly category: string;
    readonly runtime_s: number;
    readonly parents: readonly number[];
  }[];
}

export const TRACES_FOLDER = resolve(process.env['ORCH_TRACES'] ?? '../shared/data/workflows');

/** Empty when the folder is not there. */
export function readTraces(): Workflow[] {
  if (!existsSync(TRACES_FOLDER)) return [];
  const files = readdirSync(TRACES_FOLDER).filter((name) => name.endsWith('-001.json'));
  return files.sort().map((file) => {
    const trace = JSON.parse(readFileSync(join(TRACES_FOLDER, file), 'utf8')) as Trace;
    const steps = trace.tasks.map(({ id, category, runtime_s, parents }) => {
      const needs = parents.map((parent) => `t${parent}`);
      return stepOf(`t${id}`, { needs, category, estimateMs: runtime_s * 1000 });
    });
    return workflowOf({ name: trace.name, steps });
  });
}

/** The same workflow without any waves. */
export function withoutWaves(workflow: Workflow): Workflow {
  return { ...workflow, waves: { ...workflow.waves, auto: false } };
}

/** The same workflow with a barrier at every level of its graph; its steps stand behind their needs. */
export function withLevelWaves(workflow: Workflow): Workflow {
  const levels = new Map<string, number>();
  const steps = workflow.steps.map((step) => {
    const wave = 1 + Math.max(0, ...step.needs.map((need) => levels.get(need) ?? 0));
    levels.set(step.id, wave);
    return { ...step, wave };
  });
  return { ...withoutWaves(workflow), steps };
}
