/**
 * Starts a run of a workflow that has been read and planned: freezes it, takes the locks, and drives
 * it. What a workflow file says is load-definition.ts's business.
 */
import { OrchError } from '../base/errors.ts';
import { makeRunId } from '../base/ids.ts';
import { committedFolder } from '../checkpoint/layout.ts';
import type { Plan } from '../plan/plan.ts';
import type { FilesPort } from '../ports/files.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { createState } from '../run/create-state.ts';
import type { RunState } from '../run/state.ts';
import type { JsonValue, Workflow } from '../workflow/workflow.ts';
import type { Cast } from './cast.ts';
import { driveRun, type RunControl } from './drive-run.ts';
import { type Fork, refuseOtherTree } from './fork-point.ts';
import { encodeFrozen, type Frozen } from './frozen.ts';
import { JournalWriter } from './journal.ts';
import { LiveRun, type LiveRunParts, type RunSettings } from './live-run.ts';
import { acquireLock, type Lock } from './lock.ts';
import { notePlace } from './place-of-run.ts';
import { openPool } from './places.ts';
import { type RunFiles, runFiles } from './run-files.ts';
import { findSecrets, secretFound, secretsPolicy } from './scan-secrets.ts';
import { lockWorkTree, noteRunOfWorkTree } from './work-tree-lock.ts';

export interface RunRequest {
  readonly workflow: Workflow;
  readonly plan: Plan;
  readonly inputs: Readonly<Record<string, JsonValue>>;
  readonly commitTo: 'branch' | 'current';
  readonly settings: RunSettings;
  /** Who does its agent steps. */
  readonly cast: Cast;
  /** Checkpoint of another run to go on from. */
  readonly from?: Fork;
  /** Version of orch, for the record. */
  readonly version: string;
}

export interface RunHooks {
  /** The run exists: its id may be shown. */
  readonly begun: (run: string) => void;
  readonly observe: LiveRunParts['observe'];
  readonly progress?: LiveRunParts['progress'];
  readonly control: (control: RunControl) => void;
}

/** @returns the state in which the run was left: finished, waiting or interrupted */
export async function startRun(
  ports: Ports,
  git: GitPort,
  request: RunRequest,
  hooks: RunHooks,
): Promise<RunState> {
  refuseWhatIsNotBuilt(request.workflow);
  refuseCommitToCurrent(request);
  const { from } = request;
  await refuseBlockedBranch(git);
  const { worktree } = git.repository;
  const isolated = request.plan.workspace === 'isolated';
  // An isolated run leaves the user's files alone: any number of them go on side by side.
  using _worktree = isolated
    ? undefined
    : lockWorkTree(ports, git.repository, `run ${request.workflow.name}`);
  const frozen = await freeze(ports, git, request);
  const files = runFiles(git.repository.commonDir, frozen.run);
  if (from && !isolated) await refuseOtherTree(ports, git, frozen, from);
  // What a checkpoint holds was looked at when it was made.
  if (!(from && isolated)) await refuseSecrets(ports, git, frozen, files);
  using lock = lockRun(ports, files, 0);
  const run = new LiveRun({
    ports,
    git,
    workTree: ports.openWorkTree(worktree),
    ...(isolated && { pool: openPool(ports, git, request.settings) }),
    files,
    frozen,
    settings: request.settings,
    state: createState({
      run: frozen.run,
      workflow: frozen.workflow,
      plan: frozen.plan,
      inputs: frozen.inputs,
      ...(from && { from: from.point }),
      ...request.cast,
    }),
    journal: new JournalWriter(ports.files, files, { events: [], nextSegment: 0 }),
    observe: hooks.observe,
    ...(hooks.progress && { progress: hooks.progress }),
  });
  if (!isolated) noteRunOfWorkTree(ports, git.repository, frozen.run);
  hooks.begun(frozen.run);
  run.record({
    type: 'run.started',
    run: frozen.run,
    workflow: frozen.workflow.name,
    base: frozen.base,
    epoch: lock.epoch,
    boot: ports.processes.bootId(),
  });
  await driveRun(run, hooks.control);
  return run.state;
}

/** @param after the epoch of the last process that held the run */
export function lockRun(ports: Ports, files: RunFiles, after: number): Lock {
  return acquireLock(ports.files, ports.processes, {
    folder: files.folder,
    name: 'lock',
    after,
    what: `run ${files.run}`,
  });
}

async function freeze(ports: Ports, git: GitPort, request: RunRequest): Promise<Frozen> {
  const { commonDir } = git.repository;
  const head = await git.head();
  const rest = {
    v: 1,
    orch_version: request.version,
    created_at: new Date(ports.clock.now()).toISOString(),
    base: request.from?.point.commit ?? head.oid,
    ...(request.from && { from: request.from.point }),
    branch: head.ref,
    index_tree: await git.userIndexTree(),
    commit_to: request.commitTo,
    inputs: request.inputs,
    workflow: request.workflow,
    plan: request.plan,
    ...request.cast,
  };
  for (;;) {
    const run = makeRunId(request.workflow.name, ports.clock.now(), () => ports.clock.random());
    const files = runFiles(commonDir, run);
    if (ports.files.exists(files.folder) || (await git.resolve(`refs/heads/orch/${run}`)) !== null)
      continue;
    makeRunFolders(ports.files, files);
    notePlace(ports.files, files, git.repository);
    const frozen: Frozen = { ...rest, run };
    if (ports.files.createExclusive(files.frozen, encodeFrozen(frozen))) return frozen;
  }
}

/** Before the run is known to anybody: what may not be committed would be in its first checkpoint. */
async function refuseSecrets(
  ports: Ports,
  git: GitPort,
  { run, workflow, commit_to, base }: Frozen,
  { index, folder }: RunFiles,
): Promise<void> {
  if (secretsPolicy(workflow, commit_to) !== 'refuse') return;
  const { maxFileSizeBytes } = workflow.checkpoint;
  const { tree } = await git.snapshot({ index, exclude: [committedFolder(run)], maxFileSizeBytes });
  const findings = await findSecrets(ports.secrets, git, base, tree);
  if (findings.length === 0) return;
  ports.files.remove(folder);
  throw secretFound(findings);
}

function makeRunFolders(store: FilesPort, files: RunFiles): void {
  for (const folder of [files.folder, files.events, files.requests]) store.makeFolder(folder);
}

/** Said before anything starts, not by the step when its turn comes. */
function refuseWhatIsNotBuilt(workflow: Workflow): void {
  const step = workflow.steps.find(({ kind }) => kind === 'mcp');
  if (step) {
    throw new OrchError(
      'ORCH_NOT_AVAILABLE',
      `step "${step.id}": steps of kind "${step.kind}" cannot be run by this version of orch`,
      {
        spot: step.spot,
        fix: 'use a `run` step that calls the program; `orch plan` works as it is',
      },
    );
  }
}

/** What isolated steps did comes to the current branch by `orch accept` alone; so does a fork. */
function refuseCommitToCurrent({ plan, commitTo, from }: RunRequest): void {
  if (from && commitTo === 'current') {
    throw new OrchError('ORCH_USAGE', '--commit-to current does not go with --from', {
      fix: 'leave it away, and bring the result with: orch accept',
    });
  }
  if (plan.workspace !== 'isolated' || commitTo !== 'current') return;
  throw new OrchError('ORCH_USAGE', '--commit-to current is not for isolated runs', {
    fix: 'leave it away, and bring the result with: orch accept',
  });
}

/** git keeps `orch/<run>` below a folder `orch`; a branch of that name stands in its place. */
async function refuseBlockedBranch(git: GitPort): Promise<void> {
  if ((await git.resolve('refs/heads/orch')) === null) return;
  throw new OrchError(
    'ORCH_BRANCH_IN_THE_WAY',
    'a branch named "orch" leaves no room for orch/<run>',
    {
      fix: 'git branch -m orch <name>',
    },
  );
}
