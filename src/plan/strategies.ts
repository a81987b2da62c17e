/**
 * Strategies: how large waves are and how strictly they are checked. They are data; a project's own
 * stand beside the built-in ones and may replace them. What a wave size means in steps is waves.ts,
 * which gates a validation lets through gates.ts.
 */

import { OrchError } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import type { Level, Workflow } from '../workflow/workflow.ts';

export type WaveSize = 'small' | 'medium' | 'large' | 'dynamic';

export interface Strategy {
  readonly description: string;
  readonly waveSize: WaveSize;
  readonly validation: Level | 'adaptive';
}

export type Strategies = Readonly<Record<string, Strategy>>;

export const BUILT_IN_STRATEGIES: Strategies = {
  progressive: {
    description: 'many small waves, lightly checked: a checkpoint is never far behind',
    waveSize: 'small',
    validation: 'light',
  },
  systematic: {
    description: 'waves of medium size with the standard checks',
    waveSize: 'medium',
    validation: 'standard',
  },
  enterprise: {
    description: 'few large waves, each checked strictly',
    waveSize: 'large',
    validation: 'strict',
  },
  adaptive: {
    description:
      'waves end where waiting for them costs least; standard checks, strict at the end and where steps are risky',
    waveSize: 'dynamic',
    validation: 'adaptive',
  },
};

export interface ChosenStrategy {
  /** Never `auto`. */
  readonly name: string;
  readonly strategy: Strategy;
  /** Why this one, as a sentence without a full stop. */
  readonly reason: string;
}

/**
 * @param asked a name, or `auto`
 * @throws OrchError ORCH_UNKNOWN_STRATEGY
 */
export function chooseStrategy(
  asked: string,
  workflow: Workflow,
  workspace: Workflow['workspace'],
  own: Strategies,
): ChosenStrategy {
  if (asked !== 'auto') {
    const strategy = lookUp(asked, own);
    return { name: asked, strategy, reason: `${asked} was asked for: ${strategy.description}` };
  }
  const { name, reason } = pickStrategy(workflow, workspace);
  return { name, strategy: lookUp(name, own), reason: `auto chose ${name}: ${reason}` };
}

function pickStrategy(
  { gates }: Workflow,
  workspace: Workflow['workspace'],
): { readonly name: string; readonly reason: string } {
  const strict = gates.find(({ on, level }) => on === 'wave' && level === 'strict');
  if (strict !== undefined) {
    const reason = `gate "${strict.name}" is strict and for every wave, so few and strict waves`;
    return { name: 'enterprise', reason };
  }
  if (workspace === 'in-place') {
    const reason = 'in-place steps wait at the end of a wave, so cuts go where that costs least';
    return { name: 'adaptive', reason };
  }
  if (gates.length === 0) {
    const reason =
      'isolated steps do not wait at the end of a wave and there are no gates, so checkpoints are often';
    return { name: 'progressive', reason };
  }
  const reason = 'isolated steps do not wait at the end of a wave, so gates run at even distances';
  return { name: 'systematic', reason };
}

function lookUp(name: string, own: Strategies): Strategy {
  for (const strategies of [own, BUILT_IN_STRATEGIES]) {
    const strategy = Object.hasOwn(strategies, name) ? strategies[name] : undefined;
    if (strategy !== undefined) return strategy;
  }
  const known = [...new Set(['auto', ...Object.keys(BUILT_IN_STRATEGIES), ...Object.keys(own)])];
  const near = closestMatch(name, known);
  throw new OrchError('ORCH_UNKNOWN_STRATEGY', `there is no strategy "${name}"`, {
    fix: near === undefined ? `use one of ${known.join(', ')}` : `did you mean "${near}"?`,
  });
}
