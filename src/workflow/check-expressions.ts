/**
 * Every expression of a file before anything runs: it parses, names what exists, and uses only the
 * results of steps that are done by then. Scripts may hold none at all: what an agent wrote must not
 * become shell code.
 */
import { joinWords } from '../base/text.ts';
import { type Checker, listAt, mapAt, type StepDraft, valueSpan } from './draft.ts';
import {
  type ContextName,
  type ExpressionProblem,
  isProblem,
  parseExpression,
  type Reference,
  splitTemplate,
} from './expression-parse.ts';
import { MIXED_CONDITION } from './expressions.ts';
import { type Finding, isPlainMap, type Plain, type PlainMap, type Span } from './places.ts';

import { ancestryOf, type StepGraph } from './step-graph.ts';

/** One text that may hold expressions. */
interface Site {
  readonly text: string;
  readonly span: Span;
  readonly contexts: readonly ContextName[];
  /** A condition is an expression without braces. */
  readonly isCondition?: boolean;
  readonly step?: StepDraft;
  /** `env of step "a"`, for messages. */
  readonly where: string;
}

const EVERYTHING: readonly ContextName[] = ['inputs', 'steps', 'matrix', 'env', 'run', 'wave'];
const BEFORE_MATRIX: readonly ContextName[] = ['inputs', 'steps', 'env', 'run', 'wave'];
const WITHOUT_STEPS: readonly ContextName[] = ['inputs', 'env', 'run', 'wave'];
const PLAIN_TEXTS = ['agent', 'persona', 'category', 'workflow'];
const STEP_FIELDS = ['status', 'outputs', 'matrix'];

export function checkExpressions(checker: Checker, graph: StepGraph): void {
  const isBefore = ancestryOf(graph);
  for (const site of sitesOf(checker)) checkSite(checker, site, isBefore);
}

function* sitesOf(checker: Checker): Generator<Site> {
  const { root } = checker;
  const whole = { source: checker.source, start: 0, end: 1 };
  yield* textsOf(root['env'], { contexts: WITHOUT_STEPS, where: 'env of the workflow' }, whole);
  yield* textsOf(
    root['outputs'],
    { contexts: BEFORE_MATRIX, where: 'outputs of the workflow' },
    whole,
  );
  for (const [index, gate] of listAt(root, 'gates').entries()) {
    if (!isPlainMap(gate)) continue;
    const where = `gate ${index + 1}`;
    yield* textsOf(gate['env'], { contexts: WITHOUT_STEPS, where: `env of ${where}` }, whole);
    refuseInScript(checker, gate, where, whole);
  }
  for (const step of checker.steps) {
    refuseInScript(checker, step.raw, `step "${step.id}"`, step.span);
    yield* stepSites(checker, step);
  }
}

function* stepSites(checker: Checker, step: StepDraft): Generator<Site> {
  const { raw, span } = step;
  const named = (key: string): Omit<Site, 'text' | 'span'> => ({
    contexts: EVERYTHING,
    step,
    where: `"${key}" of step "${step.id}"`,
  });
  for (const key of ['name', 'prompt', 'approval', 'env', 'with', 'mcp']) {
    if (raw[key] !== undefined) yield* textsOf(raw[key], named(key), valueSpan(raw, key, span));
  }
  const { when, matrix } = raw;
  if (typeof when === 'string')
    yield { ...named('when'), text: when, span: valueSpan(raw, 'when', span), isCondition: true };
  if (typeof matrix === 'string') {
    const site = {
      ...named('matrix'),
      text: matrix,
      span: valueSpan(raw, 'matrix', span),
      contexts: BEFORE_MATRIX,
    };
    if (isOneExpression(matrix)) yield site;
    else {
      const fix =
        'write a map of lists, or one expression: matrix: ${{ fromJSON(steps.list.outputs.items) }}';
      checker.report({
        code: 'ORCH_MATRIX',
        what: 'a matrix given as text must be one expression "${{ }}"',
        fix,
        span: site.span,
      });
    }
  }
  for (const key of PLAIN_TEXTS) {
    const text = raw[key];
    if (typeof text !== 'string' || !text.includes('${{')) continue;
    const fix = 'write it out; expressions go into prompt, env, when, with, name and arguments';
    checker.report({
      code: 'ORCH_EXPRESSION',
      what: `"${key}" may not hold an expression`,
      fix,
      span: valueSpan(raw, key, span),
    });
  }
}

/** Every text inside a value, each with its own place. */
function* textsOf(
  value: Plain | undefined,
  site: Omit<Site, 'text' | 'span'>,
  span: Span,
): Generator<Site> {
  if (typeof value === 'string') {
    if (value.includes('${{')) yield { ...site, text: value, span };
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (typeof child === 'number' || typeof child === 'boolean') continue;
    const place = Array.isArray(value) ? Number(key) : key;
    yield* textsOf(child, site, valueSpan(value, place, span));
  }
}

function isOneExpression(text: string): boolean {
  const { parts, problem } = splitTemplate(text.trim());
  return problem !== undefined || (parts.length === 1 && parts[0]?.kind === 'expression');
}

/** The way out names the very expression, so that it can be pasted. */
function refuseInScript(checker: Checker, owner: PlainMap, where: string, fallback: Span): void {
  const { run } = owner;
  if (typeof run !== 'string' || !run.includes('${{')) return;
  const offset = run.indexOf('${{');
  const { parts } = splitTemplate(run);
  const expression = parts.find((part) => part.kind === 'expression')?.text.trim() ?? '';
  const input = /^inputs\.([A-Za-z_][A-Za-z0-9_-]*)$/.exec(expression)?.[1];
  const last =
    expression.split(/[^A-Za-z0-9_]+/).findLast((word) => /^[A-Za-z_]/.test(word)) ?? 'VALUE';
  const name = last.toUpperCase();
  const fix =
    input === undefined
      ? `use env: { ${name}: "\${{ ${expression} }}" } and write "$${name}" in the script`
      : `write "$ORCH_INPUT_${input.toUpperCase().replaceAll('-', '_')}" in the script`;
  const length = Math.max(3, run.indexOf('}}', offset) + 2 - offset);
  const span = spanInside(valueSpan(owner, 'run', fallback), run, offset, length);
  checker.report({
    code: 'ORCH_EXPRESSION_IN_RUN',
    what: `the script of ${where} holds an expression`,
    fix,
    span,
  });
}

function checkSite(
  checker: Checker,
  site: Site,
  isBefore: (step: number, target: number) => boolean,
): void {
  const isBare = site.isCondition === true && !site.text.includes('${{');
  const { parts, problem }: ReturnType<typeof splitTemplate> = isBare
    ? { parts: [{ kind: 'expression', text: site.text, offset: 0 }] }
    : splitTemplate(site.text);
  if (problem !== undefined) {
    reportProblem(checker, site, problem, 0);
    return;
  }
  const expressions = parts.filter((part) => part.kind === 'expression');
  const hasText = parts.some((part) => part.kind === 'text' && part.text.trim() !== '');
  if (site.isCondition === true && (hasText || expressions.length !== 1)) {
    checker.report({ code: 'ORCH_EXPRESSION', ...MIXED_CONDITION, span: site.span });
    return;
  }
  for (const { text, offset } of expressions) {
    const parsed = parseExpression(text);
    if (isProblem(parsed)) reportProblem(checker, site, parsed, offset);
    else
      for (const reference of parsed.references)
        checkReference(checker, site, reference, offset, isBefore);
  }
}

function reportProblem(
  checker: Checker,
  site: Site,
  problem: ExpressionProblem,
  offset: number,
): void {
  const span = spanInside(site.span, site.text, offset + problem.offset, problem.length);
  checker.report({ code: 'ORCH_EXPRESSION', what: problem.what, fix: problem.fix, span });
}

function checkReference(
  checker: Checker,
  site: Site,
  reference: Reference,
  offset: number,
  isBefore: (step: number, target: number) => boolean,
): void {
  const { context, path } = reference;
  const report = (mistake: Omit<Finding, 'span'>): void =>
    checker.report({
      ...mistake,
      span: spanInside(site.span, site.text, offset + reference.offset, reference.length),
    });
  if (!site.contexts.includes(context)) {
    report({
      code: 'ORCH_EXPRESSION',
      what: `"${context}" is not known in ${site.where}`,
      fix: `known there: ${joinWords(site.contexts, 'and')}`,
    });
    return;
  }
  const [name] = path;
  if (context === 'inputs' && name !== undefined) {
    const declared = Object.keys(mapAt(checker.root, 'inputs'));
    if (declared.includes(name)) return;
    const near = checker.suggest(name, declared);
    const fix =
      near === undefined
        ? `declare it: inputs: { ${name}: { type: string } }`
        : `did you mean "${near}"?`;
    report({ code: 'ORCH_EXPRESSION', what: `the input "${name}" is not declared`, fix });
  } else if (context === 'matrix') checkMatrixReference(checker, site, name, report);
  else if (context === 'steps' && name !== undefined)
    checkStepReference(checker, site, path, report, isBefore);
}

function checkMatrixReference(
  checker: Checker,
  { step }: Site,
  name: string | undefined,
  report: (mistake: Omit<Finding, 'span'>) => void,
): void {
  const matrix = step?.raw['matrix'];
  if (matrix === undefined) {
    const fix = `add a matrix to step "${step?.id}", or use another value`;
    report({ code: 'ORCH_EXPRESSION', what: `step "${step?.id}" has no matrix`, fix });
    return;
  }
  if (name === undefined || !isPlainMap(matrix)) return;
  const included = listAt(matrix, 'include').flatMap((each) =>
    isPlainMap(each) ? Object.keys(each) : [],
  );
  const keys = [
    ...Object.keys(matrix).filter((key) => key !== 'include' && key !== 'exclude'),
    ...included,
  ];
  if (keys.includes(name)) return;
  const near = checker.suggest(name, keys);
  const fix = near === undefined ? `it has ${joinWords(keys, 'and')}` : `did you mean "${near}"?`;
  report({
    code: 'ORCH_EXPRESSION',
    what: `the matrix of step "${step?.id}" has no "${name}"`,
    fix,
  });
}

function checkStepReference(
  checker: Checker,
  { step }: Site,
  [id = '', field]: readonly string[],
  report: (mistake: Omit<Finding, 'span'>) => void,
  isBefore: (step: number, target: number) => boolean,
): void {
  const target = checker.stepOf.get(id);
  if (target === undefined) {
    const near = checker.suggest(id, checker.ids);
    const fix = near === undefined ? `define "${id}" under steps` : `did you mean "${near}"?`;
    report({ code: 'ORCH_UNKNOWN_STEP', what: `step "${id}" is not defined`, fix });
  } else if (step !== undefined && step.id === id) {
    const fix = 'use the result of a step that it needs';
    report({ code: 'ORCH_NOT_NEEDED', what: `step "${id}" uses its own result`, fix });
  } else if (step !== undefined && !isBefore(step.index, target.index)) {
    const fix = `add "${id}" to the needs of "${step.id}"`;
    report({
      code: 'ORCH_NOT_NEEDED',
      what: `step "${step.id}" uses the result of "${id}" and does not need it`,
      fix,
    });
  } else if (field !== undefined && !STEP_FIELDS.includes(field)) {
    const near = checker.suggest(field, STEP_FIELDS);
    const fix =
      near === undefined ? `write steps.${id}.outputs.${field}` : `did you mean "${near}"?`;
    report({
      code: 'ORCH_EXPRESSION',
      what: `a step has no "${field}"; it has ${joinWords(STEP_FIELDS, 'and')}`,
      fix,
    });
  }
}

/**
 * A part of a YAML text, found in the file as it was written: the same characters, the same number of
 * times before. Where quoting or folding changed them, the whole text.
 */
function spanInside(whole: Span, value: string, offset: number, length: number): Span {
  const part = value.slice(offset, offset + length);
  const written = whole.source.text.slice(whole.start, whole.end);
  let at = -1;
  for (
    let seen = value.indexOf(part);
    seen >= 0 && seen <= offset;
    seen = value.indexOf(part, seen + 1)
  ) {
    at = written.indexOf(part, at + 1);
    if (at < 0) return whole;
  }
  if (part === '' || at < 0) return whole;
  return { source: whole.source, start: whole.start + at, end: whole.start + at + part.length };
}
