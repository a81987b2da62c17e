/**
 * Workflows for tests without a YAML file: only what a test is about is said, the rest is filled in
 * as the parser would.
 */
import type { Gate, Matrix, Step, Workflow } from '../../src/workflow/workflow.ts';

/** A `run` step without needs; `fields` win. */
export function stepOf(id: string, fields: Partial<Omit<Step, 'id'>> = {}): Step {
  const category = id.split('/').at(-1) ?? id;
  return {
    id,
    kind: 'run',
    needs: [],
    triggerRule: 'all_success',
    ...(fields.kind === undefined || fields.kind === 'run' ? { run: 'true' } : {}),
    continueOnError: false,
    timeout: {},
    retry: { maxAttempts: 1, backoffMs: 1_000, maxBackoffMs: 60_000 },
    env: {},
    uses: {},
    reads: [],
    produces: [],
    category,
    spot: { file: 'test.yaml', line: 1, column: 1 },
    ...fields,
  };
}

/** A step that holds others; they name it as their `parent`. */
export function nestedOf(id: string, fields: Partial<Omit<Step, 'id'>> = {}): Step {
  const workflow = { path: `${id}.yaml`, with: {}, inputs: {}, outputs: {} };
  return stepOf(id, { kind: 'workflow', workflow, ...fields });
}

/** A matrix over one key, `item`, with these labels. */
export function matrixOf(...labels: string[]): Matrix {
  const instances = labels.map((label) => ({ label, values: { item: label } }));
  return { kind: 'static', instances };
}

/** A standard gate on every wave; `fields` win. */
export function gateOf(name: string, fields: Partial<Omit<Gate, 'name'>> = {}): Gate {
  return {
    name,
    run: 'true',
    on: 'wave',
    level: 'standard',
    timeout: {},
    retry: { maxAttempts: 1, backoffMs: 1_000, maxBackoffMs: 60_000 },
    env: {},
    reads: [],
    ...fields,
  };
}

export function workflowOf(fields: Partial<Workflow> & Pick<Workflow, 'steps'>): Workflow {
  return {
    name: 'test',
    file: 'test.yaml',
    strategy: 'adaptive',
    workspace: 'in-place',
    failFast: true,
    onFailure: 'keep',
    inputs: {},
    env: {},
    pools: {},
    waves: { auto: true, max: 10, minSteps: 2 },
    checkpoint: { retentionMs: 604_800_000, maxFileSizeBytes: 10_485_760 },
    gates: [],
    ...fields,
  };
}
