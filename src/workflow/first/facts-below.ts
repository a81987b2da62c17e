/** A folder of a repository seen as if it were the top of one, and its commands as run from the real top. */
import { quoteWord } from '../../base/shell.ts';
import type { DetectedStep, LeftOut, RepositoryFacts } from './offers.ts';

/** @param folder from the top, without a slash at its ends */
export function factsBelow(facts: RepositoryFacts, folder: string): RepositoryFacts {
  const list = (path: string) => facts.list(path === '' ? folder : `${folder}/${path}`);
  const names = list('');
  return {
    names: new Set(names),
    folders: names.filter((name) => list(name).length > 0),
    list,
    text: (path) =>
      path === '.gitignore' ? ignoredIn(facts, folder) : facts.text(`${folder}/${path}`),
    hasFile: (path) => facts.hasFile(`${folder}/${path}`),
    hasProgram: facts.hasProgram,
  };
}

/** What is ignored in a folder is said in it and in all above it. */
function ignoredIn(facts: RepositoryFacts, folder: string): string {
  const above = [folder, ...foldersAbove(folder), ''];
  return above
    .map((each) => facts.text(each === '' ? '.gitignore' : `${each}/.gitignore`) ?? '')
    .join('\n');
}

/** `a/b/c` -> `a/b`, `a`. */
export function foldersAbove(folder: string): string[] {
  const parts = folder.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, parts.length - 1 - index).join('/'));
}

/** The step as it runs from the top. */
export function fromTop(folder: string, step: DetectedStep): DetectedStep {
  const isPlain = /^[\w./-]+$/.test(folder);
  return {
    ...step,
    run: inFolder(folder, step.run),
    // Characters of a folder's name could be taken for a pattern.
    reads: step.reads.length > 0 && isPlain ? [`${folder}/**`] : [],
    from: `${folder}/${step.from}`,
  };
}

export function leftOutFromTop(folder: string, { command, why }: LeftOut): LeftOut {
  return { command: inFolder(folder, command), why };
}

function inFolder(folder: string, run: string): string {
  // Without parentheses what stands behind || would run at the top when `cd` fails.
  return `cd ${quoted(folder)} && ${run.includes('||') ? `(${run})` : run}`;
}

function quoted(folder: string): string {
  if (/^[\w./][\w./-]*$/.test(folder)) return folder;
  const text = quoteWord(folder);
  return folder.startsWith('-') ? `./${text}` : text;
}
