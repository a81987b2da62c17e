/**
 * Each step by itself: that it does exactly one thing, that its keys belong to that thing, that its
 * pools exist, that its cache knows what to look at, and that no two ids are one on some file system.
 */
import { joinWords, plural } from '../base/text.ts';
import { type Checker, keySpan, listAt, mapAt, type StepDraft, valueSpan } from './draft.ts';
import { isPlainMap } from './places.ts';
import { StepSchema } from './schema.ts';
import type { StepKind } from './workflow.ts';

const STEP_KINDS: readonly StepKind[] = ['run', 'agent', 'mcp', 'approval', 'workflow'];

const EVERY_KIND = [
  'name',
  'needs',
  'trigger_rule',
  'when',
  'continue_on_error',
  'category',
  'wave',
  'insert_after',
];
const WORK = [
  ...EVERY_KIND,
  'matrix',
  'timeout',
  'retry',
  'env',
  'uses',
  'reads',
  'produces',
  'cache',
  'estimate',
];
const KEYS_OF_KIND: Readonly<Record<StepKind, ReadonlySet<string>>> = {
  run: new Set([...WORK, 'run']),
  agent: new Set([...WORK, 'agent', 'persona', 'prompt', 'budget']),
  mcp: new Set([...WORK, 'mcp']),
  approval: new Set([...EVERY_KIND, 'approval', 'matrix', 'estimate']),
  workflow: new Set([...EVERY_KIND, 'workflow', 'with']),
};
const STEP_KEYS: ReadonlySet<string> = new Set(Object.keys(StepSchema.shape));

export function checkSteps(checker: Checker): void {
  const { steps } = checker.root;
  if (isPlainMap(steps) && checker.steps.length === 0) {
    const span = keySpan(checker.root, 'steps', { source: checker.source, start: 0, end: 1 });
    const fix = 'add one, such as test: { run: npm test }';
    checker.report({ code: 'ORCH_MISSING_KEY', what: 'the workflow has no steps', fix, span });
  }
  const pools = mapAt(checker.root, 'pools');
  const idsInLowerCase = new Map<string, StepDraft>();
  for (const step of checker.steps) {
    checkTwinId(checker, step, idsInLowerCase);
    checkKind(checker, step);
    checkPools(checker, step, pools);
    checkCache(checker, step);
    checkNeedlessRule(checker, step);
  }
}

function checkTwinId(checker: Checker, step: StepDraft, seen: Map<string, StepDraft>): void {
  const lower = step.id.toLowerCase();
  const rival = seen.get(lower);
  if (rival === undefined) {
    seen.set(lower, step);
    return;
  }
  checker.report({
    code: 'ORCH_DUPLICATE_KEY',
    what: `the steps "${rival.id}" and "${step.id}" differ only in upper and lower case`,
    fix: 'rename one of the two',
    span: step.span,
    related: [{ what: 'first defined here', span: rival.span }],
  });
}

function checkKind(checker: Checker, step: StepDraft): void {
  const [kind, second] = STEP_KINDS.filter((each) => each in step.raw);
  if (kind === undefined) {
    reportNoKind(checker, step);
    return;
  }
  if (second !== undefined) {
    const rival = keySpan(step.raw, kind, step.span);
    checker.report({
      code: 'ORCH_STEP_KIND',
      what: `step "${step.id}" has both "${kind}" and "${second}"`,
      fix: 'split it into two steps, the second with "needs" on the first',
      span: keySpan(step.raw, second, step.span),
      related: [{ what: 'it does this first', span: rival }],
    });
    return;
  }
  for (const key of Object.keys(step.raw)) {
    if (STEP_KEYS.has(key) && !KEYS_OF_KIND[kind].has(key))
      reportForeignKey(checker, step, kind, key);
  }
  if (kind === 'agent' && !('prompt' in step.raw)) {
    const what = `the agent of step "${step.id}" has no prompt`;
    checker.report({
      code: 'ORCH_MISSING_KEY',
      what,
      fix: 'add prompt: <what it should do>',
      span: step.span,
    });
  }
}

function reportNoKind(checker: Checker, step: StepDraft): void {
  // An unknown key is most likely the kind, misspelt, and is reported as such.
  const keys = Object.keys(step.raw);
  if (keys.some((key) => !STEP_KEYS.has(key)) || checkerKnowsNothing(checker, step)) return;
  const isAgent = 'prompt' in step.raw || 'persona' in step.raw;
  checker.report({
    code: 'ORCH_STEP_KIND',
    what: `step "${step.id}" does nothing`,
    fix: isAgent ? 'add agent: auto' : `give it one of ${joinWords(STEP_KINDS, 'or')}`,
    span: step.span,
  });
}

/** A step that is no map at all is reported as that. */
function checkerKnowsNothing(checker: Checker, step: StepDraft): boolean {
  return !isPlainMap(mapAt(checker.root, 'steps')[step.id]);
}

function reportForeignKey(checker: Checker, step: StepDraft, kind: StepKind, key: string): void {
  const span = keySpan(step.raw, key, step.span);
  const article = kind === 'agent' || kind === 'approval' ? 'an' : 'a';
  const what = `"${key}" has no meaning on ${article} ${kind} step`;
  if (kind === 'workflow' && key === 'matrix') {
    const fix =
      'put the matrix on the steps inside the nested workflow, or write one step for each value';
    checker.report({
      code: 'ORCH_NESTED',
      what: 'a nested workflow cannot have a matrix',
      fix,
      span,
    });
  } else if (kind === 'approval' && key === 'timeout') {
    const fix = 'write approval: { message: ..., timeout: 24h }';
    checker.report({ code: 'ORCH_STEP_KIND', what, fix, span });
  } else if (kind === 'workflow') {
    const fix = 'set it on the steps of the nested workflow, or hand a value over under "with"';
    checker.report({ code: 'ORCH_STEP_KIND', what, fix, span });
  } else {
    const home = STEP_KINDS.filter((each) => KEYS_OF_KIND[each].has(key));
    const fix = `remove it; it belongs to ${joinWords(home, 'and')} steps`;
    checker.report({ code: 'ORCH_STEP_KIND', what, fix, span });
  }
}

function checkPools(checker: Checker, step: StepDraft, pools: ReturnType<typeof mapAt>): void {
  const uses = mapAt(step.raw, 'uses');
  for (const [pool, amount] of Object.entries(uses)) {
    const size = pools[pool];
    if (size === undefined) {
      const near = checker.suggest(pool, Object.keys(pools));
      const fix =
        near === undefined
          ? `add pools: { ${pool}: 1 } to the workflow`
          : `did you mean "${near}"?`;
      checker.report({
        code: 'ORCH_POOL',
        what: `the pool "${pool}" is not defined`,
        fix,
        span: keySpan(uses, pool, step.span),
      });
    } else if (typeof amount === 'number' && typeof size === 'number' && amount > size) {
      checker.report({
        code: 'ORCH_POOL',
        what: `step "${step.id}" uses ${amount} of the pool "${pool}", which has only ${size}`,
        fix: `use at most ${size}, or make the pool larger`,
        span: valueSpan(uses, pool, step.span),
        related: [{ what: 'the size is set here', span: valueSpan(pools, pool, step.span) }],
      });
    }
  }
}

function checkCache(checker: Checker, step: StepDraft): void {
  const { cache } = step.raw;
  const isCached = cache === true || isPlainMap(cache);
  if (!isCached || listAt(step.raw, 'reads').length > 0) return;
  checker.report({
    code: 'ORCH_CACHE_READS',
    what: `step "${step.id}" is cached and does not say what it reads`,
    fix: 'add reads: [src/**] with everything its result depends on',
    span: keySpan(step.raw, 'cache', step.span),
  });
}

function checkNeedlessRule(checker: Checker, step: StepDraft): void {
  const needs = listAt(step.raw, 'needs');
  if (step.raw['trigger_rule'] === 'one_success' && needs.length === 0) {
    checker.report({
      code: 'ORCH_INVALID_VALUE',
      what: `step "${step.id}" waits for one of its needs to pass, and has none`,
      fix: 'add needs, or remove trigger_rule',
      span: keySpan(step.raw, 'trigger_rule', step.span),
    });
  }
  const seen = new Set<unknown>();
  for (const [index, need] of needs.entries()) {
    if (typeof need === 'string' && seen.has(need)) {
      const what = `step "${step.id}" needs "${need}" twice`;
      const span = valueSpan(needs, index, step.span);
      checker.report({
        code: 'ORCH_INVALID_VALUE',
        what,
        fix: `remove one; ${plural(needs.length - 1, 'need')} will do`,
        span,
      });
    }
    seen.add(need);
  }
}
