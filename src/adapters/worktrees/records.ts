/**
 * What the pool knows of its worktrees: `<number>.json`, a record for as long as there is one, and
 * `<number>.claim` while somebody has it.
 *
 * The claim is the one truth about whose it is: it is made exclusively, so of two processes one gets
 * it. A claim without a run is that of a removal, which names its process so that the next removal can
 * go on when that one is dead. Where a worktree stands is not here but beside its index (brought.ts).
 */
import { OrchError } from '../../base/errors.ts';
import {
  amount,
  count,
  listOf,
  optional,
  orNull,
  record,
  type Shape,
  text,
} from '../../base/shape.ts';
import type { FilesPort } from '../../ports/files.ts';
import { crashPoint } from '../crash-point.ts';
import { type Holder, isHolder } from './holder.ts';

export interface StoredSetup {
  /** Digest of the script and of what it reads. */
  readonly key: string;
  /** Paths that it made; null until it has succeeded. */
  readonly made: readonly string[] | null;
}

export interface StoredRecord {
  readonly root: string;
  readonly usedAtMs: number;
  readonly setup: StoredSetup | null;
}

export interface StoredClaim {
  /** Null while it is being removed. */
  readonly run: string | null;
  readonly root: string;
  readonly claimedAtMs: number;
  readonly remover?: Holder;
}

export interface Records {
  /** Every number that has a record or a claim, sorted. */
  numbers(): number[];
  record(number: number): StoredRecord | undefined;
  writeRecord(number: number, record: StoredRecord): void;
  claim(number: number): StoredClaim | undefined;
  /** @returns false when it is somebody's */
  createClaim(number: number, claim: StoredClaim): boolean;
  replaceClaim(number: number, claim: StoredClaim): void;
  removeClaim(number: number): void;
  removeRecord(number: number): void;
}

const isRecord = record({
  root: text,
  usedAtMs: amount,
  setup: orNull(record({ key: text, made: orNull(listOf(text)) })),
});
const isClaim = record({
  run: orNull(text),
  root: text,
  claimedAtMs: amount,
  remover: optional(isHolder),
});
const isVersion = record({ v: count });

/** Later versions may mean other things by the same fields. */
const VERSION = 1;

export function openRecords(files: FilesPort, folder: string): Records {
  const recordPath = (number: number) => `${folder}/${number}.json`;
  const claimPath = (number: number) => `${folder}/${number}.claim`;
  const read = <T>(path: string, shape: Shape): T | undefined => {
    const json = files.readText(path);
    // An empty one is what a power cut may have left.
    return json === undefined || /^[\0\s]*$/.test(json)
      ? undefined
      : (parse(path, json, shape) as T);
  };
  return {
    numbers() {
      const found = files.list(folder).flatMap((name) => {
        const number = /^([1-9]\d{0,8})\.(?:json|claim)$/.exec(name)?.[1];
        return number === undefined ? [] : [Number(number)];
      });
      return [...new Set(found)].sort((a, b) => a - b);
    },
    record: (number) => read(recordPath(number), isRecord),
    writeRecord(number, value) {
      files.makeFolder(folder);
      // After a power cut every worktree is made anew, so nothing is lost with this.
      files.replaceUnsynced(recordPath(number), encode(value));
    },
    claim: (number) => read(claimPath(number), isClaim),
    createClaim(number, value) {
      files.makeFolder(folder);
      crashPoint('worktree claim:before');
      const isMine = files.createExclusive(claimPath(number), encode(value));
      crashPoint('worktree claim:after');
      return isMine;
    },
    replaceClaim: (number, value) => files.replace(claimPath(number), encode(value)),
    removeClaim(number) {
      crashPoint('worktree release:before');
      files.remove(claimPath(number));
      crashPoint('worktree release:after');
    },
    removeRecord: (number) => files.remove(recordPath(number)),
  };
}

function encode(value: StoredRecord | StoredClaim): string {
  return `${JSON.stringify({ v: VERSION, ...value })}\n`;
}

function parse(path: string, json: string, shape: Shape): unknown {
  const value = parseJson(json);
  if (isVersion(value) && (value as { v: number }).v > VERSION) {
    throw new OrchError('ORCH_JOURNAL_NEWER', `${path} was written by a newer orch`, {
      fix: 'install the newer orch',
    });
  }
  if (shape(value)) return value;
  throw new OrchError('ORCH_WORKTREE_FAILED', `${path} is nothing that orch has written`, {
    fix: `rm ${JSON.stringify(path)}`,
  });
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // Where exactly it breaks helps nobody.
  }
}
