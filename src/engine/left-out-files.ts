/** Files that a commit could not hold, in the folders to which the attempts of a run moved them. */
import { decodeIdPart } from '../checkpoint/salvage.ts';
import type { FilesPort } from '../ports/files.ts';
import type { RunFiles } from './run-files.ts';

export interface LeftOutFolder {
  readonly step: string;
  readonly attempt: number;
  /** Of a try to settle a conflict of the attempt. */
  readonly round?: number;
  /** Absolute. */
  readonly folder: string;
  /** Relative to the folder; a repository inside is named and not looked into. */
  readonly paths: readonly string[];
}

/** Enough to see what they are. */
const MAX_PATHS = 1_000;

export function findLeftOut(files: FilesPort, run: RunFiles): LeftOutFolder[] {
  const found: LeftOutFolder[] = [];
  const steps = `${run.folder}/steps`;
  for (const name of files.list(steps)) {
    for (const n of files.list(`${steps}/${name}`)) {
      const attempt = { step: decodeIdPart(name), attempt: Number(n) };
      const folder = `${steps}/${name}/${n}`;
      for (const inside of files.list(folder)) {
        const round = /^resolve-(\d+)$/.exec(inside)?.[1];
        if (inside === 'left-out') add(found, files, { ...attempt, folder: `${folder}/left-out` });
        if (round !== undefined && files.exists(`${folder}/${inside}/left-out`))
          add(found, files, {
            ...attempt,
            round: Number(round),
            folder: `${folder}/${inside}/left-out`,
          });
      }
    }
  }
  return found;
}

function add(found: LeftOutFolder[], files: FilesPort, place: Omit<LeftOutFolder, 'paths'>): void {
  const paths: string[] = [];
  collect(files, place.folder, '', paths);
  if (paths.length > 0) found.push({ ...place, paths });
}

function collect(files: FilesPort, top: string, path: string, paths: string[]): void {
  for (const name of files.list(path === '' ? top : `${top}/${path}`)) {
    if (paths.length >= MAX_PATHS) return;
    const child = path === '' ? name : `${path}/${name}`;
    const isFolder =
      files.linkTarget(`${top}/${child}`) === undefined && files.exists(`${top}/${child}/.`);
    if (isFolder && !files.exists(`${top}/${child}/.git`)) collect(files, top, child, paths);
    else paths.push(child);
  }
}
