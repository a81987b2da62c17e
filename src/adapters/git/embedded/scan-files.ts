/** Looks at every file of the work tree, as `git add -A` would, and stores the content of new ones. */
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { LeftOut, SnapshotRequest } from '../../../ports/git.ts';
import { absolutePath, type BytePath, matchPaths, parentFolders, toText } from '../byte-paths.ts';
import { unreadableFile } from '../git-failure.ts';
import { matchKeptOut } from '../kept-out.ts';
import { type IgnoreFile, isIgnored, parseIgnoreFile } from './ignore-rules.ts';
import type { ObjectStore } from './object-store.ts';
import { findConversion, needsGit } from './probe.ts';
import { isTooFresh, type StatCache, stampOf, type TrackedFile } from './stat-cache.ts';

export interface ScanResult {
  readonly tracked: Map<BytePath, TrackedFile>;
  readonly leftOut: readonly LeftOut[];
  /** Ignored paths; folders end in `/` and are not looked into. */
  readonly ignored: readonly BytePath[];
}

interface Scan extends ScanResult {
  readonly top: string;
  readonly store: ObjectStore;
  readonly old: StatCache;
  readonly lookedAtSeconds: number;
  readonly maxFileSizeBytes: number;
  readonly leftOut: LeftOut[];
  readonly ignored: BytePath[];
  readonly isExcluded: (path: BytePath) => boolean;
  readonly wasIgnored: (path: BytePath) => boolean;
  readonly keptOut: (path: BytePath) => LeftOut | undefined;
  /** Folders that hold tracked files, which are looked into although they are ignored. */
  readonly trackedFolders: ReadonlySet<BytePath>;
}

/** What a folder hands down: the rules that hold in it, and whether it is ignored itself. */
interface Surroundings {
  readonly rules: readonly IgnoreFile[];
  readonly isIgnored: boolean;
}

/**
 * @param infoExclude content of `.git/info/exclude`
 * @throws OrchError ORCH_NEEDS_GIT for attributes that convert, ORCH_WORK_FILE_UNREADABLE
 */
export function scanFiles(
  top: string,
  store: ObjectStore,
  old: StatCache,
  request: SnapshotRequest,
  infoExclude: string,
): ScanResult {
  const scan: Scan = {
    top,
    store,
    old,
    lookedAtSeconds: Math.floor(Date.now() / 1000),
    maxFileSizeBytes: request.maxFileSizeBytes,
    tracked: new Map(),
    leftOut: [],
    ignored: [],
    isExcluded: matchPaths(request.exclude),
    wasIgnored: matchIgnored(old.ignored ?? []),
    keptOut: matchKeptOut(request.keepOut),
    trackedFolders: new Set([...old.tracked.keys()].flatMap((path) => [...parentFolders(path)])),
  };
  for (const [path, file] of old.tracked) {
    if (file.isFixed === true || scan.isExcluded(path)) keepFile(scan, path, file);
  }
  const rules = [parseIgnoreFile('', Buffer.from(infoExclude).toString('latin1'))];
  lookInto(scan, '', { rules, isIgnored: false });
  scan.leftOut.sort((a, b) => (a.path < b.path ? -1 : 1));
  return scan;
}

function keepFile(scan: Scan, path: BytePath, file: TrackedFile): void {
  // A path whose content was never stored has no state to keep.
  if (file.oid !== '') scan.tracked.set(path, file);
}

function matchIgnored(paths: readonly BytePath[]): (path: BytePath) => boolean {
  const set = new Set(paths);
  return (path) => {
    if (set.has(path)) return true;
    for (const parent of parentFolders(path)) if (set.has(`${parent}/`)) return true;
    return false;
  };
}

function lookInto(scan: Scan, folder: BytePath, around: Surroundings): void {
  const entries = readFolder(scan, folder);
  const rules = [...around.rules];
  if (entries.some((entry) => entry.name === '.gitignore' && entry.isFile())) {
    const text = readBytes(scan, join(folder, '.gitignore')).toString('latin1');
    rules.push(parseIgnoreFile(folder, text));
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name === '.git') continue;
    if (entry.name === '.gitmodules' && folder === '') throw needsGit('there are submodules');
    if (entry.name === '.gitattributes' && !around.isIgnored) refuseConversion(scan, path);
    if (entry.isDirectory()) visitFolder(scan, path, { ...around, rules });
    else if (entry.isFile() || entry.isSymbolicLink()) visitFile(scan, path, { ...around, rules });
  }
}

const join = (folder: BytePath, name: string) => (folder === '' ? name : `${folder}/${name}`);

function visitFolder(scan: Scan, path: BytePath, around: Surroundings): void {
  const holdsTracked = scan.trackedFolders.has(path);
  const ignored = around.isIgnored || isIgnored(around.rules, path, true);
  if (ignored && !around.isIgnored) scan.ignored.push(`${path}/`);
  if (ignored && !holdsTracked) return;
  if (!holdsTracked && isRepository(scan, path)) {
    if (!scan.isExcluded(path)) {
      leave(scan, scan.keptOut(path) ?? { path: toText(path), reason: 'nested_repository' });
    }
    return;
  }
  lookInto(scan, path, { rules: around.rules, isIgnored: ignored });
}

/** A `.git` that is no repository is just an odd folder, also to git. */
function isRepository(scan: Scan, folder: BytePath): boolean {
  const dotGit = look(scan, `${folder}/.git`);
  return dotGit?.isFile() === true || look(scan, `${folder}/.git/HEAD`) !== undefined;
}

function visitFile(scan: Scan, path: BytePath, around: Surroundings): void {
  if (scan.isExcluded(path)) return;
  const known = scan.old.tracked.get(path);
  if (known?.isFixed === true) {
    scan.leftOut.push({ path: toText(path), reason: 'assume_unchanged' });
    return;
  }
  if (known === undefined && isLeftOut(scan, path, around)) return;
  const stats = look(scan, path);
  if (stats === undefined) return;
  const stamp = isTooFresh(stats, scan.lookedAtSeconds) ? '' : stampOf(stats);
  const mode = modeOf(stats);
  if (known !== undefined && known.stamp !== '' && known.stamp === stampOf(stats)) {
    if (known.mode === mode) return void scan.tracked.set(path, { ...known, stamp });
  }
  const content = stats.isSymbolicLink() ? readLink(scan, path) : readBytes(scan, path);
  scan.tracked.set(path, { mode, oid: scan.store.writeNew('blob', content), stamp });
}

function isLeftOut(scan: Scan, path: BytePath, around: Surroundings): boolean {
  if (around.isIgnored) return true;
  if (isIgnored(around.rules, path, false)) {
    scan.ignored.push(path);
    return true;
  }
  const kept = scan.keptOut(path);
  if (kept !== undefined) {
    leave(scan, kept);
    return true;
  }
  if (scan.wasIgnored(path)) {
    leave(scan, { path: toText(path), reason: 'newly_unignored' });
    return true;
  }
  const stats = look(scan, path);
  if (stats?.isFile() !== true || stats.size <= scan.maxFileSizeBytes) return false;
  const sizeBytes = Number(stats.size);
  leave(scan, { path: toText(path), reason: 'too_large', sizeBytes });
  return true;
}

/** A folder that was left out is named once, however many files are found in it. */
function leave(scan: Scan, entry: LeftOut): void {
  if (!scan.leftOut.some(({ path }) => path === entry.path)) scan.leftOut.push(entry);
}

export function modeOf(stats: BigIntStats): string {
  if (stats.isSymbolicLink()) return '120000';
  return (stats.mode & 0o100n) === 0n ? '100644' : '100755';
}

function refuseConversion(scan: Scan, path: BytePath): void {
  if (look(scan, path)?.isFile() !== true) return;
  const found = findConversion(readBytes(scan, path).toString('latin1'));
  if (found !== undefined) throw needsGit(`${toText(path)} has the attribute ${found}`);
}

function look(scan: Scan, path: BytePath): BigIntStats | undefined {
  return orUnreadable(path, () =>
    lstatSync(absolutePath(scan.top, path), { bigint: true, throwIfNoEntry: false }),
  );
}

function readFolder(scan: Scan, folder: BytePath) {
  return orUnreadable(folder, () =>
    readdirSync(absolutePath(scan.top, folder), { encoding: 'latin1', withFileTypes: true }),
  );
}

function readBytes(scan: Scan, path: BytePath): Buffer {
  return orUnreadable(path, () => readFileSync(absolutePath(scan.top, path)));
}

function readLink(scan: Scan, path: BytePath): Buffer {
  return orUnreadable(path, () => readlinkSync(absolutePath(scan.top, path), 'buffer'));
}

function orUnreadable<T>(path: BytePath, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreadableFile(toText(path), error instanceof Error ? error.message : String(error));
  }
}
