/**
 * The cache of steps and gates: what they produced, under a key made of everything that could change
 * it: the script, its environment (inherited variables too), and the content of what it reads.
 *
 * Hashed when the work is about to start, after its needs ended, and hashed again when it has ended:
 * an entry whose inputs changed meanwhile is not kept. So a hit is never stale; what a hit cannot see
 * is what the author did not name under `reads`.
 */
import { OrchError } from '../base/errors.ts';
import { canonicalJson, sha256 } from '../base/hash.ts';
import type { Oid } from '../base/ids.ts';
import { cacheRef } from '../checkpoint/layout.ts';
import type { PlanNode } from '../plan/plan.ts';
import { isNamed } from '../plan/refresh.ts';
import { waveOf } from '../run/state.ts';
import { SECRET_REMEDY, secretsText } from '../view/secrets-text.ts';
import type { CacheSetting, Gate } from '../workflow/workflow.ts';
import { isSaidToJob, namesAttempt } from './job-environment.ts';
import type { LiveRun } from './live-run.ts';
import type { Place } from './places.ts';
import { cacheManifestPath } from './run-files.ts';
import { policyOf, secretsIn } from './scan-secrets.ts';

/** Digests of all that a result depends on. */
interface Manifest {
  /** A script may print who it is: two steps never share an entry. */
  readonly subject: string;
  readonly script: string;
  readonly produces: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
}

interface CacheKey {
  readonly digest: string;
  readonly manifest: Manifest;
  /** In words, why there was no hit. */
  readonly missReason: string;
  /** False: nothing that could change is looked at, so every later lookup would be a hit. */
  readonly isKept: boolean;
}
export type StepCacheKey = CacheKey;
export type GateCacheKey = CacheKey;

/** What an entry's commit says in its message; its tree holds the produced files. */
interface Entry {
  readonly outputs: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly created_at: string;
}

interface Subject {
  /** The step's id, or the gate's name. Also names the manifest of the last time, for the reason of a miss. */
  readonly name: string;
  readonly script: string;
  /** Of this job alone, without what it inherits. */
  readonly env: Readonly<Record<string, string>>;
  readonly reads: readonly string[];
  readonly produces: readonly string[];
  readonly cache: CacheSetting;
  /** Stands for all files when `reads` is empty. */
  readonly tree: string;
}

/** Inherited variables that say how and where orch was started, and nothing of the result. */
const OF_SESSION =
  /^(ORCH_CRASH|ORCH_CRASH_RECORD|_|PWD|OLDPWD|SHLVL|TERM|TERM_.*|COLORTERM|COLUMNS|LINES|WINDOWID|SSH_.*|DISPLAY|DBUS_.*|XDG_SESSION_.*|XDG_RUNTIME_DIR|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_.*|LS_COLORS|STY|TMUX.*|NODE_V8_COVERAGE|npm_(lifecycle_.*|package_.*|execpath|node_execpath|command|config_(user_agent|npm_version|node_gyp|local_prefix)))$/;

/** Stands for all files where `reads` is empty. */
const WHOLE_TREE = '(whole tree)';

export interface StepLookup {
  readonly key: CacheKey;
  readonly reason: string;
  readonly entry?: Entry;
}

/** On a hit the produced files are in the work tree when this returns. */
export async function findStepEntry(
  run: LiveRun,
  place: Place,
  node: PlanNode,
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<StepLookup> {
  const { step } = node;
  const subject = {
    name: node.id,
    script,
    env,
    reads: step.reads,
    produces: step.produces,
    cache: step.cache ?? {},
    tree: '',
  };
  const isRefreshed = isNamed(run.parts.settings.refresh, node);
  const found = await find(run, place, subject, isRefreshed);
  if (found.entry === undefined) return found;
  const problem = await orProblem(() =>
    run.withIndex(() => place.git.checkOutPath(found.commit ?? '', '')),
  );
  if (problem === undefined) return found;
  const missReason = `its entry cannot be used: ${problem}`;
  return { key: { ...found.key, missReason }, reason: missReason };
}

export async function findGateEntry(
  run: LiveRun,
  place: Place,
  wave: number,
  gate: Gate,
  env: Readonly<Record<string, string>>,
): Promise<StepLookup & { readonly hit: boolean }> {
  const tree = waveOf(run.state, wave).sealed?.tree ?? '';
  const subject = {
    name: `gate ${gate.name}`,
    script: gate.run,
    env,
    reads: gate.reads,
    produces: [],
    cache: gate.cache ?? {},
    tree,
  };
  const found = await find(run, place, subject, run.parts.settings.refresh.includes(gate.name));
  return { ...found, hit: found.entry !== undefined };
}

/** @returns why there is no entry, when one cannot be made: the step has passed all the same */
export async function saveStepEntry(
  run: LiveRun,
  place: Place,
  node: PlanNode,
  key: CacheKey,
  outputs: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  return await orProblem(async () => {
    if (!key.isKept || (await inputsChanged(place, node.step.reads, key))) return;
    await keep(run, place, node, key, outputs);
  });
}

/** What git or the system says no to, in words; a bug stays an error. */
async function orProblem(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof OrchError) return error.what;
    throw error;
  }
}

async function keep(
  run: LiveRun,
  place: Place,
  node: PlanNode,
  key: CacheKey,
  outputs: Readonly<Record<string, string>>,
): Promise<void> {
  const { workTree, git } = place;
  const produced = node.step.produces.length === 0 ? [] : await workTree.glob(node.step.produces);
  const tree = produced.length === 0 ? await git.emptyTree() : await git.treeOfPaths(produced);
  await refuseSecrets(run, tree);
  await save(run, node.id, key, tree, outputs);
}

/** An entry is a commit too. @throws OrchError ORCH_SECRET_FOUND, which says why there is none */
async function refuseSecrets(run: LiveRun, tree: Oid): Promise<void> {
  if (policyOf(run) !== 'refuse') return;
  const found = await secretsIn(run, run.parts.git, null, tree);
  if (found.length === 0) return;
  const what = `what it produced looks like a secret: ${secretsText(found)}`;
  throw new OrchError('ORCH_SECRET_FOUND', what, { fix: SECRET_REMEDY });
}

export async function saveGateEntry(
  run: LiveRun,
  place: Place,
  gate: Gate,
  key: CacheKey,
): Promise<void> {
  if (!key.isKept) return;
  if (gate.reads.length > 0 && (await inputsChanged(place, gate.reads, key))) return;
  await save(run, `gate ${gate.name}`, key, await run.parts.git.emptyTree(), {});
}

async function find(
  run: LiveRun,
  place: Place,
  subject: Subject,
  isRefreshed: boolean,
): Promise<StepLookup & { readonly commit?: string }> {
  const { git, settings } = run.parts;
  const readsFiles = subject.reads.length > 0;
  const files = readsFiles
    ? await fileDigests(place, subject.reads)
    : { [WHOLE_TREE]: subject.tree };
  const manifest: Manifest = {
    subject: subject.name,
    script: sha256(subject.script),
    produces: subject.produces,
    env: environmentDigests(settings.environment, subject.env),
    files,
  };
  const digest = sha256(canonicalJson(manifest));
  const isKept = Object.keys(files).length > 0;
  const miss = (missReason: string) => ({
    key: { digest, manifest, missReason, isKept },
    reason: missReason,
  });
  if (!isKept) return miss('its reads match no file');
  if (!settings.useCache) return miss('the cache is off (--no-cache)');
  if (isRefreshed) return miss('asked to be made anew (--refresh)');
  const commit = await git.resolve(cacheRef(digest));
  if (commit === null) return miss(differenceFromLast(run, subject.name, manifest));
  const entry = JSON.parse((await git.readCommit(commit)).message) as Entry;
  const ageMs = run.parts.ports.clock.now() - Date.parse(entry.created_at);
  if (subject.cache.ttlMs !== undefined && ageMs > subject.cache.ttlMs)
    return miss('the entry is older than its ttl');
  return { ...miss(''), reason: `unchanged since ${entry.created_at}`, entry, commit };
}

async function save(
  run: LiveRun,
  name: string,
  key: CacheKey,
  tree: string,
  outputs: Readonly<Record<string, string>>,
): Promise<void> {
  const { git, ports } = run.parts;
  const entry: Entry = { outputs, created_at: new Date(ports.clock.now()).toISOString() };
  const commit = await git.commit({ tree, parents: [], message: `${JSON.stringify(entry)}\n` });
  await git.updateRefs([{ ref: cacheRef(key.digest), to: commit }]);
  const path = cacheManifestPath(git.repository.commonDir, name);
  ports.files.makeFolder(path.slice(0, path.lastIndexOf('/')));
  ports.files.replace(path, `${JSON.stringify(key.manifest)}\n`);
}

async function inputsChanged(
  place: Place,
  reads: readonly string[],
  key: CacheKey,
): Promise<boolean> {
  return canonicalJson(await fileDigests(place, reads)) !== canonicalJson(key.manifest.files);
}

async function fileDigests(
  { workTree }: Place,
  reads: readonly string[],
): Promise<Record<string, string>> {
  const digests: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const path of await workTree.glob(reads)) {
    const digest = await workTree.digest(path);
    if (digest !== undefined) digests[path] = digest;
  }
  return digests;
}

/** Digests, not values: a manifest is a file, and an environment holds secrets. */
function environmentDigests(
  inherited: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const all = [
    ...Object.entries(inherited).filter(([name]) => !isSaidToJob(name) && !OF_SESSION.test(name)),
    ...Object.entries(own).filter(([name]) => !namesAttempt(name)),
  ];
  return Object.fromEntries(
    all.map(([name, value]) => [name, sha256(`${name}=${value}`).slice(0, 16)]),
  );
}

/** The first thing that differs from the last time, in words. */
function differenceFromLast(run: LiveRun, name: string, now: Manifest): string {
  const text = run.parts.ports.files.readText(
    cacheManifestPath(run.parts.git.repository.commonDir, name),
  );
  if (text === undefined) return 'it has never been cached';
  const last = JSON.parse(text) as Manifest;
  if (last.script !== now.script) return 'its command changed';
  if (canonicalJson(last.produces) !== canonicalJson(now.produces))
    return 'what it produces changed';
  return (
    differentKey(last.files, now.files, 'file') ??
    differentKey(last.env, now.env, 'variable') ??
    'its entry is gone'
  );
}

function differentKey(
  last: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
  what: 'file' | 'variable',
): string | undefined {
  const keys = [...new Set([...Object.keys(last), ...Object.keys(now)])].sort();
  const different = keys.filter((key) => last[key] !== now[key]);
  const [first] = different;
  if (first === undefined) return undefined;
  const how =
    last[first] === undefined ? 'is new' : now[first] === undefined ? 'is gone' : 'changed';
  const more = different.length > 1 ? ` and ${different.length - 1} more` : '';
  return `${what} ${first} ${how}${more}`;
}
