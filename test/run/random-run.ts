/**
 * Random workflows with everything a run has to decide on: matrices known and unknown, workflows in
 * workflows, approvals, conditions, trigger rules, retries, pools, patience, gates. Steps need only
 * steps before them; a tenth of the workflows stand in reverse order in the file.
 */
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { BUILT_IN_STRATEGIES } from '../../src/plan/strategies.ts';
import type {
  ConflictsSetting,
  Gate,
  Step,
  TriggerRule,
  Workflow,
} from '../../src/workflow/workflow.ts';
import { gateOf, matrixOf, nestedOf, stepOf, workflowOf } from '../plan/builders.ts';
import type { Chance } from './random.ts';

const RULES: readonly TriggerRule[] = [
  'all_success',
  'all_success',
  'all_success',
  'none_failed',
  'all_done',
  'one_success',
];
const POOLS = { gpu: 1, seat: 3 };
const USES = [{}, {}, {}, { gpu: 1 }, { seat: 2 }, { gpu: 1, seat: 1 }];

export interface RandomRun {
  readonly workflow: Workflow;
  readonly plan: Plan;
}

export function randomRun(chance: Chance): RandomRun {
  const steps = randomSteps(chance, undefined, chance.between(chance.once(30) ? 0 : 1, 9));
  const isIsolated = chance.once(2);
  const workflow = workflowOf({
    ...(isIsolated && { workspace: 'isolated', conflicts: randomConflicts(chance) }),
    steps: chance.once(10) ? steps.reverse() : steps,
    pools: POOLS,
    failFast: !chance.once(2),
    onFailure: chance.once(3) ? 'rollback' : 'keep',
    gates: Array.from({ length: chance.pick(isIsolated ? [0, 1, 1, 2] : [0, 0, 1, 2]) }, (_, nth) =>
      randomGate(chance, nth),
    ),
    waves: { auto: true, max: chance.between(1, 6), minSteps: 1 },
    strategy: chance.pick(['adaptive', 'progressive', 'systematic', 'enterprise']),
  });
  const plan = makePlan(workflow, {
    concurrency: chance.between(1, isIsolated ? 8 : 4),
    strategies: BUILT_IN_STRATEGIES,
  });
  return { workflow, plan };
}

function randomSteps(chance: Chance, parent: string | undefined, count: number): Step[] {
  const siblings: { readonly id: string; readonly isPlain: boolean }[] = [];
  return Array.from({ length: count }, (_, place) => {
    const id = parent === undefined ? `s${place}` : `${parent}/s${place}`;
    const needed = siblings.filter(() => chance.once(3)).slice(-3);
    const steps = randomStep(chance, id, parent, needed);
    siblings.push({ id, isPlain: steps[0]?.kind === 'run' && steps[0].matrix === undefined });
    return steps;
  }).flat();
}

function randomStep(
  chance: Chance,
  id: string,
  parent: string | undefined,
  needed: readonly { readonly id: string; readonly isPlain: boolean }[],
): Step[] {
  const local = (full: string) => (parent === undefined ? full : full.slice(parent.length + 1));
  const needs = needed.map((need) => need.id);
  const when = randomCondition(chance, needs.map(local));
  const fields: Partial<Omit<Step, 'id'>> = {
    needs,
    triggerRule: chance.pick(RULES),
    continueOnError: chance.once(6),
    ...(parent !== undefined && { parent }),
    ...(when !== undefined && { when }),
  };
  const depth = id.split('/').length;
  if (depth < 4 && chance.once(6)) {
    const inputs = { word: { type: 'string', required: false, default: 'plain' } } as const;
    const given = chance.pick(['text', '${{ run.id }}', "${{ fromJSON('no json') }}"]);
    const outputs = { list: '${{ steps.s0.outputs.list }}' };
    const workflow = {
      path: 'x.yaml',
      with: chance.once(6) ? { word: given } : {},
      inputs,
      outputs,
    };
    const inside = randomSteps(chance, id, chance.between(chance.once(5) ? 0 : 1, 4));
    return [nestedOf(id, { ...fields, workflow }), ...inside];
  }
  if (chance.once(7)) {
    const patience = chance.once(2) ? { timeoutMs: chance.between(1, 200_000) } : {};
    return [stepOf(id, { ...fields, kind: 'approval', approval: { message: 'go?', ...patience } })];
  }
  const source = needed.find(({ isPlain }) => isPlain);
  const labels = ['a', 'b', 'c', 'd'].slice(0, chance.between(0, 4));
  const matrix = chance.once(5)
    ? { matrix: matrixOf(...labels) }
    : source && chance.once(2)
      ? { matrix: dynamicOn(local(source.id)) }
      : {};
  return [
    stepOf(id, {
      ...fields,
      ...matrix,
      uses: chance.pick(USES),
      estimateMs: chance.between(0, 5) * 10_000,
      retry: {
        maxAttempts: chance.pick([1, 1, 2, 3]),
        backoffMs: chance.pick([0, 1_000, 30_000]),
        maxBackoffMs: 60_000,
      },
      timeout: {
        ...(chance.once(4) && { totalMs: 30_000 }),
        ...(chance.once(6) && { queueMs: chance.pick([1, 20_000, 90_000]) }),
      },
    }),
  ];
}

function dynamicOn(step: string) {
  return { kind: 'dynamic', expression: `\${{ fromJSON(steps.${step}.outputs.list) }}` } as const;
}

function randomCondition(chance: Chance, needs: readonly string[]): string | undefined {
  const [need] = needs;
  if (!chance.once(4)) return undefined;
  if (need !== undefined) return `steps.${need}.status != '${chance.pick(['passed', 'failed'])}'`;
  return chance.pick(['true', '1 == 2', "fromJSON('no json')"]);
}

function randomConflicts(chance: Chance): ConflictsSetting {
  const policy = chance.pick(['fail', 'agent', 'agent', 'ours', 'theirs', 'ask', 'ask'] as const);
  const timeout = chance.once(2) ? { totalMs: 40_000 } : {};
  const hasCommand = policy === 'agent' && !chance.once(8);
  return { policy, timeout, ...(hasCommand && { run: 'settle' }) };
}

function randomGate(chance: Chance, nth: number): Gate {
  return gateOf(`g${nth}`, {
    on: chance.pick(['wave', 'wave', 'end']),
    level: chance.pick(['light', 'standard', 'strict']),
    retry: { maxAttempts: chance.pick([1, 2, 2, 3]), backoffMs: 5_000, maxBackoffMs: 60_000 },
  });
}
