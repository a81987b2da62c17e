/** Says in words why a plan is as it is: which strategy, how many waves, what they cost. */
import { plural } from '../base/text.ts';
import type { WavesSetting } from '../workflow/workflow.ts';
import type { Plan, PlanWave } from './plan.ts';
import type { ChosenStrategy } from './strategies.ts';
import type { WaveCut } from './waves.ts';

interface Described {
  readonly chosen: ChosenStrategy;
  readonly setting: WavesSetting;
  readonly workspace: Plan['workspace'];
  readonly cut: WaveCut;
  readonly waves: readonly PlanWave[];
  /** One a wave when validation is adaptive, else none. */
  readonly reasons: readonly string[];
}

const WAVES_NAMED_MAX = 10;

export function describePlan(plan: Described): string {
  const sentences = [plan.chosen.reason, describeWaves(plan), describeValidation(plan)];
  return sentences.filter((sentence) => sentence !== '').join('; ');
}

function describeWaves({ cut, setting, waves, workspace }: Described): string {
  if (waves.length === 0) return '';
  const sizes = waves.map((wave) => wave.steps.length);
  const [least, most] = [
    sizes.reduce((size, other) => Math.min(size, other)),
    sizes.reduce((size, other) => Math.max(size, other)),
  ];
  const range = least === most ? plural(least, 'step') : `${least} to ${plural(most, 'step')}`;
  const by = setting.auto ? '' : ', as the author numbered them';
  const count = `${plural(waves.length, 'wave')} of ${range}${by}`;
  if (workspace === 'isolated' || waves.length === 1 || cut.freeMakespanMs === 0) return count;
  const loss = ((cut.schedule.makespanMs - cut.freeMakespanMs) / cut.freeMakespanMs) * 100;
  return `${count}, waiting costs ${loss.toFixed(1)} %`;
}

function describeValidation({ waves, reasons }: Described): string {
  if (reasons.length === 0) return '';
  const strict = waves.flatMap(({ index, validation }, nth) =>
    validation === 'strict' ? [`in wave ${index} (${reasons[nth]})`] : [],
  );
  if (strict.length > WAVES_NAMED_MAX)
    return `validation standard, strict in ${plural(strict.length, 'wave')} with risky steps`;
  const named = `strict ${strict.join(' and ')}`;
  return `validation ${strict.length === waves.length ? '' : 'standard, '}${named}`;
}
