/**
 * The checks that take more than one value of a workflow: all of them, over one file whose templates
 * are already merged in. They read the plain values, not zod's result, so that a wrong `timeout`
 * does not hide an unknown need.
 */
import { closestMatch } from '../base/text.ts';
import { checkExpressions } from './check-expressions.ts';
import { checkGraph } from './check-graph.ts';
import { checkSettings } from './check-settings.ts';
import { checkSteps } from './check-steps.ts';
import { type Checker, mapAt, type StepDraft } from './draft.ts';
import {
  emptyMap,
  type Finding,
  isPlainMap,
  type PlainMap,
  placesOf,
  type SourceFile,
} from './places.ts';
import { buildGraph } from './step-graph.ts';

/** Candidates compared before suggestions stop. */
const SUGGESTION_BUDGET = 1_000_000;

/** Checks a merged file. @param findings grows by what is wrong */
export function checkWorkflow(root: PlainMap, source: SourceFile, findings: Finding[]): void {
  const steps = draftSteps(root, source);
  let budget = SUGGESTION_BUDGET;
  const stepOf = new Map(steps.map((step) => [step.id, step]));
  const checker: Checker = {
    root,
    source,
    steps,
    stepOf,
    ids: steps.map(({ id }) => id),
    report: (finding) => void findings.push(finding),
    suggest(word, candidates) {
      budget -= candidates.length;
      return budget < 0 ? undefined : closestMatch(word, candidates);
    },
  };
  const graph = buildGraph(steps, stepOf);
  checkSettings(checker);
  checkSteps(checker);
  checkGraph(checker, graph);
  checkExpressions(checker, graph);
}

function draftSteps(root: PlainMap, source: SourceFile): StepDraft[] {
  const steps = mapAt(root, 'steps');
  const places = placesOf(steps);
  return Object.entries(steps).flatMap(([id, raw], index) => {
    const span = places?.key(id) ?? { source, start: 0, end: 1 };
    return [{ id, index, raw: isPlainMap(raw) ? raw : emptyMap(), span }];
  });
}
