/** The work of `orch run`: definition, plan, run. */
import { availableParallelism } from 'node:os';
import { branchOf } from '../../checkpoint/layout.ts';
import { type Cast, castOf } from '../../engine/cast.ts';
import { findForkPoint } from '../../engine/fork-point.ts';
import type { RunSettings } from '../../engine/live-run.ts';
import { loadDefinition } from '../../engine/load-definition.ts';
import { startRun } from '../../engine/start-run.ts';
import { worktreeSettings } from '../../engine/worktree-settings.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { refuseUnknownRefresh } from '../../plan/refresh.ts';
import type { GitPort } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Config } from '../../workflow/config-schema.ts';
import { resolveInputs } from '../../workflow/inputs.ts';
import type { Workflow } from '../../workflow/workflow.ts';
import type { CliContext } from '../context.ts';
import { namedWorkflow } from '../named-workflow.ts';
import { noteWithoutEffect } from '../note-without-effect.ts';
import {
  definedEnvironment,
  openProject,
  personaPlaces,
  templateFolders,
} from '../open-project.ts';
import { openRunSession, preferSmallHeap } from '../run-session.ts';

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000;

export interface RunOptions {
  readonly input?: Record<string, string>;
  readonly concurrency?: number;
  readonly strategy?: string;
  readonly workspace?: 'in-place' | 'isolated';
  readonly commitTo: 'branch' | 'current';
  /** `<run>@<wave>` */
  readonly from?: string;
  readonly cache: boolean;
  readonly refresh?: string[];
  readonly detach?: boolean;
  /** Where the id of the run is to be written once it exists. */
  readonly begunFile?: string;
}

export async function runCommand(
  context: CliContext,
  name: string | undefined,
  options: RunOptions,
): Promise<void> {
  preferSmallHeap();
  if (options.detach) {
    const { detachCommand } = await import('./detach.ts');
    return await detachCommand(context);
  }
  const { ports, git } = await openProject(context);
  const root = git.repository.worktree;
  const folders = templateFolders(context);
  const { workflow, config, strategies } = loadDefinition(ports.files, {
    file: namedWorkflow(ports.files, 'run', {
      file: name,
      cwd: context.cwd,
      root,
      builtIn: folders.builtInTemplates,
    }),
    root,
    ...folders,
  });
  noteWithoutEffect(context, workflow, config);
  const inputs = resolveInputs(workflow.inputs, options.input ?? {});
  const plan = makePlan(workflow, {
    concurrency:
      options.concurrency ?? workflow.concurrency ?? config.concurrency ?? availableParallelism(),
    strategy: options.strategy,
    workspace: options.workspace,
    strategies,
  });
  const refresh = options.refresh ?? [];
  refuseUnknownRefresh(refresh, workflow, plan);
  const from = options.from && (await findForkPoint(ports, git, options.from));
  using session = await openRunSession(context);
  const driven = startRun(
    ports,
    git,
    {
      workflow,
      plan,
      inputs,
      commitTo: options.commitTo,
      cast: castFor(context, ports, config, root)(workflow),
      ...(from && { from }),
      settings: settingsFor(context, config, {
        useCache: options.cache,
        refresh,
        ...(plan.workspace === 'isolated' && { pool: { ports, git } }),
      }),
      version: context.version(),
    },
    {
      ...session.hooks,
      begun: (run) => {
        if (options.begunFile !== undefined) ports.files.replace(options.begunFile, run);
        session.hooks.begun(run);
      },
    },
  );
  const state = await session.drive(driven);
  session.end(
    state,
    options.commitTo === 'current' ? await currentBranch(git) : branchName(state.run),
  );
}

interface SettingsRequest extends Pick<RunSettings, 'useCache' | 'refresh'> {
  /** Only for isolated runs: others need no place for worktrees. */
  readonly pool?: { readonly ports: Ports; readonly git: GitPort };
}

export function settingsFor(
  context: CliContext,
  config: Config,
  { useCache, refresh, pool }: SettingsRequest,
): RunSettings {
  const environment = definedEnvironment(context);
  return {
    useCache,
    refresh,
    graceMs: GRACE_MS,
    maxLogBytes: config.maxLogBytes,
    environment,
    ...(pool && {
      diskBytes: config.limits.diskBytes,
      worktree: worktreeSettings(pool.ports.files, config, environment, pool.git.repository),
    }),
  };
}

/** Finds who does the agent steps of a workflow. */
export function castFor(
  context: CliContext,
  { files, processes }: Ports,
  config: Config,
  root: string,
): (workflow: Workflow) => Cast {
  const personas = personaPlaces(context, root);
  const environment = definedEnvironment(context);
  return (workflow) => castOf(workflow, { files, processes, config, personas, environment });
}

/** `orch/<run>`: as people type it. */
export function branchName(run: string): string {
  return branchOf(run).replace('refs/heads/', '');
}

export async function currentBranch(git: {
  head(): Promise<{ ref: string | null }>;
}): Promise<string> {
  return (await git.head()).ref?.replace('refs/heads/', '') ?? 'HEAD';
}
