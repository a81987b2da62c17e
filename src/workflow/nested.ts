/**
 * Puts drafts together into one Workflow: the steps of a nested workflow follow the step that names
 * it, as `outer/inner`; its gates become `outer/<gate>`.
 *
 * A nested workflow keeps its own inputs, env and defaults. What is there once a run (concurrency,
 * strategy, workspace, checkpoints, waves, failing fast) is the outer workflow's, so the waves that
 * steps set inside count only when that workflow runs by itself. A pool of the same name is the same
 * pool, with the outer size.
 */
import { joinWords } from '../base/text.ts';
import type { Config } from './config-schema.ts';
import { type Draft, keySpan, mapAt, valueSpan } from './draft.ts';
import { misfitOf } from './inputs.ts';
import {
  asWritten,
  defined,
  normaliseGate,
  normaliseInputs,
  normaliseStep,
  type Scope,
  textsOf,
} from './normalise.ts';
import { type Finding, placesOf, type Span } from './places.ts';
import type { StepFile, WorkflowFile } from './schema.ts';
import {
  DEFAULT_MAX_FILE_SIZE_BYTES,
  DEFAULT_RETENTION_MS,
  readBudget,
  readConflicts,
} from './settings.ts';
import type { Gate, InputSpec, JsonValue, Step, Workflow } from './workflow.ts';

/** Far above any use; a few files that nest each other twice at every level grow without bound. */
const MAX_STEPS = 200_000;

interface Parts {
  readonly steps: Step[];
  readonly gates: Gate[];
  readonly pools: Map<string, number>;
  readonly config: Config;
  readonly findings: Finding[];
}

/** @returns undefined when a nested workflow does not fit, and then `findings` says why */
export function assemble(draft: Draft, config: Config, findings: Finding[]): Workflow | undefined {
  const { file, root } = draft;
  if (file === undefined) return undefined;
  const parts: Parts = { steps: [], gates: [], pools: new Map(), config, findings };
  addScope(draft, scopeOf(draft, file, config), parts);
  if (findings.length > 0) return undefined;
  const { checkpoint = {}, waves = {} } = file;
  return {
    name: file.name ?? nameOfFile(draft.located.file),
    ...defined({ description: file.description }),
    file: draft.located.file,
    strategy: file.strategy ?? 'auto',
    workspace: file.workspace ?? 'in-place',
    ...defined({ concurrency: file.concurrency ?? config.concurrency }),
    failFast: file.fail_fast ?? true,
    onFailure: file.on_failure ?? 'keep',
    inputs: normaliseInputs(root, file),
    env: textsOf(mapAt(root, 'env')),
    pools: Object.fromEntries(parts.pools),
    waves: { auto: waves.auto ?? true, max: waves.max ?? 10, minSteps: waves.min_steps ?? 2 },
    checkpoint: {
      retentionMs: checkpoint.retention ?? config.checkpoint.retentionMs ?? DEFAULT_RETENTION_MS,
      maxFileSizeBytes:
        checkpoint.max_file_size ??
        config.checkpoint.maxFileSizeBytes ??
        DEFAULT_MAX_FILE_SIZE_BYTES,
    },
    ...defined({ secrets: file.secrets ?? config.secrets }),
    steps: parts.steps,
    gates: parts.gates,
    ...defined({
      budget: readBudget(file.budget),
      conflicts: readConflicts(file.conflicts),
      notify: asWritten(root['notify']),
    }),
  };
}

function scopeOf(draft: Draft, file: WorkflowFile, config: Config): Scope {
  return {
    file,
    root: draft.root,
    source: draft.source,
    prefix: '',
    env: textsOf(mapAt(draft.root, 'env')),
    defaults: config.defaults,
  };
}

function addScope(draft: Draft, scope: Scope, parts: Parts): void {
  for (const [pool, size] of Object.entries(scope.file.pools ?? {})) {
    if (!parts.pools.has(pool)) parts.pools.set(pool, size);
  }
  for (const [index, gate] of (scope.file.gates ?? []).entries())
    parts.gates.push(normaliseGate(scope, gate, index));
  for (const [id, written] of Object.entries(scope.file.steps)) {
    if (parts.steps.length >= MAX_STEPS) {
      if (parts.findings.length === 0) reportTooMany(scope, id, parts);
      return;
    }
    const step = normaliseStep(scope, id, written);
    checkPools(scope, id, step, parts);
    const nested = draft.nested.get(id);
    if (nested?.file === undefined || step.kind !== 'workflow') parts.steps.push(step);
    else addNested(nested, nested.file, { scope, step, written }, parts);
  }
}

function addNested(
  draft: Draft,
  file: WorkflowFile,
  { scope, step, written }: { scope: Scope; step: Step; written: StepFile },
  parts: Parts,
): void {
  const inputs = normaliseInputs(draft.root, file);
  const given = written.with ?? {};
  checkWith(scope, step, inputs, given, parts);
  const workflow = { path: draft.located.file, with: given, inputs, outputs: file.outputs ?? {} };
  parts.steps.push({ ...step, workflow });
  const inner: Scope = {
    file,
    root: draft.root,
    source: draft.source,
    prefix: `${step.id}/`,
    env: textsOf(mapAt(draft.root, 'env')),
    parent: step.id,
    ...defined({ wave: step.wave }),
    defaults: scope.defaults,
  };
  addScope(draft, inner, parts);
}

/** Values for a nested workflow's inputs: known, complete, and of the right type where they are plain. */
function checkWith(
  scope: Scope,
  step: Step,
  inputs: Readonly<Record<string, InputSpec>>,
  given: Readonly<Record<string, JsonValue>>,
  parts: Parts,
): void {
  const raw = mapAt(mapAt(scope.root, 'steps'), step.id.slice(scope.prefix.length));
  const values = mapAt(raw, 'with');
  const stepSpan: Span = valueSpan(raw, 'workflow', { source: scope.source, start: 0, end: 1 });
  const known = Object.keys(inputs);
  for (const [name, value] of Object.entries(given)) {
    const spec = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (spec === undefined) {
      const fix =
        known.length === 0
          ? 'remove it; the nested workflow takes no inputs'
          : `its inputs are ${joinWords(known, 'and')}`;
      const what = `the nested workflow has no input "${name}"`;
      parts.findings.push({
        code: 'ORCH_UNKNOWN_INPUT',
        what,
        fix,
        span: keySpan(values, name, stepSpan),
      });
      continue;
    }
    const misfit =
      typeof value === 'string' && value.includes('${{') ? undefined : misfitOf(spec, value);
    if (misfit === undefined) continue;
    const what = `the input "${name}" of the nested workflow ${misfit}`;
    parts.findings.push({
      code: 'ORCH_INVALID_INPUT',
      what,
      fix: 'change the value',
      span: valueSpan(values, name, stepSpan),
    });
  }
  for (const [name, spec] of Object.entries(inputs)) {
    if (!spec.required || spec.default !== undefined || Object.hasOwn(given, name)) continue;
    const what = `the nested workflow requires the input "${name}"`;
    parts.findings.push({
      code: 'ORCH_MISSING_INPUT',
      what,
      fix: `add with: { ${name}: ... }`,
      span: stepSpan,
    });
  }
}

/** An outer pool of the same name may be smaller than the nested workflow's own. */
function checkPools(scope: Scope, id: string, step: Step, parts: Parts): void {
  for (const [pool, amount] of Object.entries(step.uses)) {
    const size = parts.pools.get(pool) ?? 0;
    if (amount <= size) continue;
    const raw = mapAt(mapAt(mapAt(scope.root, 'steps'), id), 'uses');
    const span = valueSpan(raw, pool, { source: scope.source, start: 0, end: 1 });
    const what = `step "${step.id}" uses ${amount} of the pool "${pool}", of which the outer workflow has only ${size}`;
    parts.findings.push({
      code: 'ORCH_POOL',
      what,
      fix: `use at most ${size}, or make the outer pool larger`,
      span,
    });
  }
}

function reportTooMany(scope: Scope, id: string, parts: Parts): void {
  const span = placesOf(mapAt(scope.root, 'steps'))?.key(id) ?? {
    source: scope.source,
    start: 0,
    end: 1,
  };
  const what = `the workflow has more than ${MAX_STEPS} steps`;
  parts.findings.push({
    code: 'ORCH_NESTED',
    what,
    fix: 'nest fewer workflows, or run them one by one',
    span,
  });
}

function nameOfFile(file: string): string {
  return file.replace(/^.*\//, '').replace(/\.ya?ml$/i, '') || 'workflow';
}
