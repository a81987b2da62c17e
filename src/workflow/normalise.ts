/**
 * From a checked file to the Workflow that is planned and run: defaults filled in, shorthands written
 * out, units as numbers, ids full. Everything is valid by now; nothing is reported here.
 */
import type { Config } from './config-schema.ts';
import { listAt, mapAt } from './draft.ts';
import { expandMatrix } from './matrix.ts';
import { type Plain, type PlainMap, placesOf, type SourceFile, spotOf } from './places.ts';
import type { GateFile, StepFile, WorkflowFile } from './schema.ts';
import {
  agentNames,
  mergeRetry,
  readBudget,
  readCache,
  readRetry,
  readTimeout,
} from './settings.ts';
import type { AgentCall, Gate, InputSpec, JsonValue, Matrix, Step, StepKind } from './workflow.ts';

/** A checked file, and what its parts are called inside the workflow that nests it. */
export interface Scope {
  readonly file: WorkflowFile;
  /** The same as plain values with their places. */
  readonly root: PlainMap;
  readonly source: SourceFile;
  /** `outer/`, or '' at the top. */
  readonly prefix: string;
  /** The file's own env, as texts. */
  readonly env: Readonly<Record<string, string>>;
  readonly parent?: string;
  /** The wave of the `workflow` step; takes the place of the waves set inside. */
  readonly wave?: number;
  /** Defaults of config.yaml, below those of the file. */
  readonly defaults: Config['defaults'];
}

/** One step without what a nested workflow adds to it. */
export function normaliseStep(scope: Scope, id: string, written: StepFile): Step {
  const { prefix, parent, file } = scope;
  const raw = mapAt(mapAt(scope.root, 'steps'), id);
  const kind = kindOfStep(written);
  const defaults = file.defaults ?? {};
  const wave = prefix === '' ? written.wave : scope.wave;
  const cache = readCache(written.cache);
  const isWork = kind === 'run' || kind === 'agent' || kind === 'mcp';
  return {
    id: `${prefix}${id}`,
    kind,
    ...defined({
      parent,
      name: written.name,
      when: written.when === undefined ? undefined : String(written.when),
    }),
    needs: (written.needs ?? []).map((need) => `${prefix}${need}`),
    triggerRule: written.trigger_rule ?? 'all_success',
    ...defined({
      matrix: matrixOf(written.matrix),
      run: written.run,
      approval: approvalOf(written.approval),
    }),
    ...defined({
      agent: agentOf(written),
      budget: readBudget(written.budget),
      mcp: asWritten(raw['mcp']),
    }),
    continueOnError:
      written.continue_on_error ??
      defaults.continue_on_error ??
      scope.defaults.continueOnError ??
      false,
    timeout: isWork
      ? {
          ...scope.defaults.timeout,
          ...readTimeout(defaults.timeout),
          ...readTimeout(written.timeout),
        }
      : {},
    retry: isWork
      ? mergeRetry(scope.defaults.retry, readRetry(defaults.retry), readRetry(written.retry))
      : mergeRetry(),
    env: isWork ? { ...scope.env, ...textsOf(mapAt(raw, 'env')) } : {},
    uses: written.uses ?? {},
    reads: written.reads ?? [],
    produces: written.produces ?? [],
    ...defined({ cache, estimateMs: written.estimate }),
    category: written.category ?? id,
    ...defined({ wave }),
    spot: spotOfStep(scope, id),
  };
}

/** @param written as zod gave it @param index of the gate in the file */
export function normaliseGate(scope: Scope, written: GateFile, index: number): Gate {
  const raw = listAt(scope.root, 'gates')[index] as PlainMap;
  return {
    name: `${scope.prefix}${written.name}`,
    ...defined({ parent: scope.parent }),
    run: written.run,
    on: written.on ?? 'wave',
    level: written.level ?? 'standard',
    timeout: readTimeout(written.timeout),
    retry: mergeRetry(readRetry(written.retry)),
    env: { ...scope.env, ...textsOf(mapAt(raw, 'env')) },
    reads: written.reads ?? [],
    ...defined({ cache: readCache(written.cache), estimateMs: written.estimate }),
  };
}

export function normaliseInputs(
  root: PlainMap,
  file: WorkflowFile,
): Readonly<Record<string, InputSpec>> {
  const raws = mapAt(root, 'inputs');
  const specs = Object.entries(file.inputs ?? {}).map(([name, written]): [string, InputSpec] => {
    const type = written.type ?? 'string';
    const isText = type === 'string' || type === 'choice';
    const raw = mapAt(raws, name);
    const fallback =
      written.default === undefined || !isText ? written.default : textAt(raw, 'default');
    const options =
      written.options === undefined
        ? undefined
        : listAt(raw, 'options').map((_, index) => textAt(listAt(raw, 'options'), index));
    const spec = {
      type,
      required: written.required ?? false,
      ...defined({ default: fallback, options, description: written.description }),
    };
    return [name, spec];
  });
  return Object.fromEntries(specs);
}

/** A map of texts; numbers and booleans as they are written in the file, so that 1.10 stays 1.10. */
export function textsOf(map: PlainMap): Record<string, string> {
  return Object.fromEntries(Object.keys(map).map((key) => [key, textAt(map, key)]));
}

function textAt(container: PlainMap | readonly Plain[], key: string | number): string {
  const value = (container as PlainMap)[key];
  if (typeof value === 'string') return value;
  const span = placesOf(container as PlainMap)?.value(key);
  const written = span?.source.text.slice(span.start, span.end).trim() ?? '';
  return /^[\w.+-]+$/.test(written) ? written : String(value);
}

function kindOfStep(written: StepFile): StepKind {
  if (written.run !== undefined) return 'run';
  if (written.agent !== undefined) return 'agent';
  if (written.mcp !== undefined) return 'mcp';
  return written.approval === undefined ? 'workflow' : 'approval';
}

function matrixOf(written: StepFile['matrix']): Matrix | undefined {
  if (written === undefined) return undefined;
  if (typeof written === 'string') return { kind: 'dynamic', expression: written };
  return { kind: 'static', instances: expandMatrix(written as JsonValue) };
}

function approvalOf(written: StepFile['approval']): Step['approval'] {
  if (written === undefined || typeof written === 'string')
    return written === undefined ? undefined : { message: written };
  return { message: written.message, ...defined({ timeoutMs: written.timeout }) };
}

function agentOf({ agent, persona, prompt = '' }: StepFile): AgentCall | undefined {
  if (agent === undefined) return undefined;
  return { names: agentNames(agent), prompt, ...defined({ persona }) };
}

function spotOfStep(scope: Scope, id: string): Step['spot'] {
  const span = placesOf(mapAt(scope.root, 'steps'))?.key(id);
  const { file, line, column } = spotOf(span ?? { source: scope.source, start: 0, end: 1 });
  return { file, line, column };
}

/** A part of the file as ordinary JSON, units and shorthands as the author wrote them. */
export function asWritten(value: Plain | undefined): JsonValue | undefined {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as JsonValue);
}

/** Only what has a value: an absent key and an undefined one are two things in a frozen record. */
export function defined<Values extends object>(
  values: Values,
): { [Key in keyof Values]?: Exclude<Values[Key], undefined> } {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as never;
}
