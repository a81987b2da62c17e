/**
 * What steps need of each other: that the needs exist, form no circle, and agree with the waves their
 * authors set.
 */
import { type Checker, listAt, mapAt, type StepDraft, valueSpan } from './draft.ts';
import type { Span } from './places.ts';
import type { StepGraph } from './step-graph.ts';

export function checkGraph(checker: Checker, graph: StepGraph): void {
  for (const step of checker.steps) checkNeeds(checker, step);
  reportCycles(checker, graph);
  checkWaves(checker, graph);
}

function checkNeeds(checker: Checker, step: StepDraft): void {
  const needs = listAt(step.raw, 'needs');
  for (const [index, need] of needs.entries()) {
    if (typeof need !== 'string') continue;
    if (need === step.id) {
      const span = valueSpan(needs, index, step.span);
      checker.report({
        code: 'ORCH_CYCLE',
        what: `step "${need}" needs itself`,
        fix: `remove "${need}" from its needs`,
        span,
      });
    } else if (!checker.stepOf.has(need)) {
      const near = checker.suggest(need, checker.ids);
      const fix =
        near === undefined
          ? `define "${need}" under steps, or remove it here`
          : `did you mean "${near}"?`;
      const span = valueSpan(needs, index, step.span);
      checker.report({
        code: 'ORCH_UNKNOWN_STEP',
        what: `step "${need}" is not defined`,
        fix,
        span,
      });
    }
  }
}

function needSpan(checker: Checker, from: number, to: number): Span {
  const step = checker.steps[from] as StepDraft;
  const needs = listAt(step.raw, 'needs');
  return valueSpan(needs, needs.indexOf(checker.steps[to]?.id ?? ''), step.span);
}

/** One finding for each knot of steps that wait for each other: the shortest circle through its first step. */
function reportCycles(checker: Checker, graph: StepGraph): void {
  const { steps } = checker;
  if (graph.order.length === steps.length) return;
  for (const knot of knotsOf(graph)) {
    const cycle = circleThrough(Math.min(...knot), new Set(knot), graph);
    const links = cycle.map(
      (index, at) => [index, cycle[(at + 1) % cycle.length] ?? index] as const,
    );
    const name = (index: number): string => steps[index]?.id ?? '';
    const shown = cycle.length > 12 ? [...cycle.slice(0, 10), -1, ...cycle.slice(-1)] : cycle;
    const words = [...shown, cycle[0] ?? 0].map((index) => (index < 0 ? '...' : name(index)));
    const [first, ...others] = links;
    if (first === undefined) continue;
    checker.report({
      code: 'ORCH_CYCLE',
      what: `steps wait for each other in a circle: ${words.join(' -> ')}`,
      fix: 'remove one of these needs',
      span: needSpan(checker, ...first),
      related: others.slice(0, 4).map(([from, to]) => ({
        what: `"${name(from)}" needs "${name(to)}"`,
        span: needSpan(checker, from, to),
      })),
    });
  }
}

/**
 * Strongly connected components of more than one step, without recursion.
 * @see Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1(2), 1972
 */
function knotsOf({ needs, rank }: StepGraph): number[][] {
  const number = new Int32Array(needs.length);
  const low = new Int32Array(needs.length);
  const isOpen = new Uint8Array(needs.length);
  const path: number[] = [];
  const knots: number[][] = [];
  let count = 0;
  const enter = (index: number): { index: number; next: number } => {
    number[index] = low[index] = ++count;
    isOpen[index] = 1;
    path.push(index);
    return { index, next: 0 };
  };
  for (let start = 0; start < needs.length; start++) {
    if (number[start] !== 0 || rank[start] !== -1) continue;
    const calls = [enter(start)];
    for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
      const { index } = call;
      const need = needs[index]?.[call.next++];
      if (need !== undefined) {
        if (rank[need] !== -1) continue;
        if (number[need] === 0) calls.push(enter(need));
        else if (isOpen[need] === 1) low[index] = Math.min(low[index] ?? 0, number[need] ?? 0);
        continue;
      }
      calls.pop();
      const caller = calls.at(-1)?.index;
      if (caller !== undefined) low[caller] = Math.min(low[caller] ?? 0, low[index] ?? 0);
      if (low[index] !== number[index]) continue;
      const knot = path.splice(path.lastIndexOf(index));
      for (const each of knot) isOpen[each] = 0;
      if (knot.length > 1) knots.push(knot);
    }
  }
  return knots;
}

/** The shortest circle through a step, by breadth; every step of a knot lies on one. */
function circleThrough(start: number, knot: ReadonlySet<number>, { needs }: StepGraph): number[] {
  const cameFrom = new Map<number, number>();
  const queue = [start];
  for (const index of queue) {
    for (const need of needs[index] ?? []) {
      if (need === start) {
        const circle = [index];
        for (let at = cameFrom.get(index); at !== undefined; at = cameFrom.get(at))
          circle.unshift(at);
        return circle;
      }
      if (!knot.has(need) || cameFrom.has(need)) continue;
      cameFrom.set(need, index);
      queue.push(need);
    }
  }
  return [start];
}

/** A step's own wave may not lie before the wave of anything it needs, directly or not. */
function checkWaves(checker: Checker, graph: StepGraph): void {
  const { steps } = checker;
  const max = mapAt(checker.root, 'waves')['max'];
  const earliest = new Int32Array(steps.length).fill(1);
  const cause = new Int32Array(steps.length).fill(-1);
  for (const index of graph.order) {
    const step = steps[index] as StepDraft;
    const own = step.raw['wave'];
    for (const need of graph.needs[index] ?? []) {
      if ((earliest[need] ?? 1) <= (earliest[index] ?? 1)) continue;
      earliest[index] = earliest[need] ?? 1;
      cause[index] = cause[need] ?? -1;
    }
    if (typeof own !== 'number' || !Number.isInteger(own) || own < 1) continue;
    const span = valueSpan(step.raw, 'wave', step.span);
    if (typeof max === 'number' && own > max) {
      const fix = `set it to ${max} or less, or raise waves.max`;
      checker.report({
        code: 'ORCH_WAVE',
        what: `step "${step.id}" is set to wave ${own}, and waves.max is ${max}`,
        fix,
        span,
      });
    }
    const least = earliest[index] ?? 1;
    if (own < least) reportWave(checker, step, own, steps[cause[index] ?? 0] as StepDraft, least);
    else {
      earliest[index] = own;
      cause[index] = index;
    }
  }
}

function reportWave(
  checker: Checker,
  step: StepDraft,
  own: number,
  before: StepDraft,
  least: number,
): void {
  checker.report({
    code: 'ORCH_WAVE',
    what: `step "${step.id}" is set to wave ${own}, and waits for "${before.id}" in wave ${least}`,
    fix: `set it to ${least} or more, or remove it`,
    span: valueSpan(step.raw, 'wave', step.span),
    related: [
      {
        what: `"${before.id}" is set to wave ${least}`,
        span: valueSpan(before.raw, 'wave', before.span),
      },
    ],
  });
}
