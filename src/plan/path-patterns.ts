/**
 * Which patterns of files meet, told without looking at files.
 *
 * Each pattern stands for itself as one example path: every wildcard of it is replaced by a name that
 * nobody uses. Two patterns meet when one of them matches the other's example, so `src/**` meets
 * `src/a/*.ts`, and `src/*.ts` does not meet `src/a*`, although a file could match both: a warning that
 * is true most of the time is worth more than one that is complete.
 *
 * Understood are `*`, `?` and `**` as in tinyglobby, which also takes everything below a folder that a
 * pattern names. A pattern with more than that has no example and meets nothing.
 */

/** A character that no path has. */
const ANY = '\0';

/** Braces, classes, groups and escapes. */
const UNKNOWN = /[[\]{}()\\|]|[!?*+@]\(/;

/** @returns the parts between slashes; undefined for a pattern that is not understood */
export function patternParts(pattern: string): readonly string[] | undefined {
  if (UNKNOWN.test(pattern)) return undefined;
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  return parts.length === 0 || parts.includes('..') ? undefined : parts;
}

function exampleOf(parts: readonly string[]): readonly string[] {
  return parts.map((part) => (part === '**' ? ANY : part.replace(/[*?]+/g, ANY)));
}

interface Branch {
  readonly children: Map<string, Branch>;
  /** Patterns whose example ends here. */
  readonly patterns: number[];
}

/** How far a search goes in all; bench/plan.ts holds what it costs. */
const MAX_VISITS = 1_000_000;

/**
 * Calls back with each pattern and each other one whose example it matches.
 * @param patterns as patternParts gives them; undefined ones meet nothing
 */
export function eachMeeting(
  patterns: readonly (readonly string[] | undefined)[],
  meet: (pattern: number, example: number) => void,
): void {
  const root: Branch = { children: new Map(), patterns: [] };
  for (const [index, parts] of patterns.entries()) {
    if (parts !== undefined) plant(root, exampleOf(parts), index);
  }
  let visits = 0;
  for (const [index, parts] of patterns.entries()) {
    if (parts === undefined) continue;
    const found = new Set<number>();
    const isFolder = !parts.at(-1)?.endsWith('*');
    const collect = (branch: Branch): void => {
      visits += 1;
      if (visits > MAX_VISITS) return;
      for (const each of branch.patterns) found.add(each);
      for (const child of branch.children.values()) collect(child);
    };
    const walk = (branch: Branch, at: number): void => {
      visits += 1;
      if (visits > MAX_VISITS) return;
      const part = parts[at];
      if (part === undefined) {
        if (isFolder) collect(branch);
        else for (const each of branch.patterns) found.add(each);
      } else if (part === '**') {
        if (at + 1 === parts.length) for (const child of branch.children.values()) collect(child);
        else {
          walk(branch, at + 1);
          for (const child of branch.children.values()) walk(child, at);
        }
      } else if (/[*?]/.test(part)) {
        const name = partMatcher(part);
        for (const [each, child] of branch.children) if (name.test(each)) walk(child, at + 1);
      } else {
        const child = branch.children.get(part);
        if (child !== undefined) walk(child, at + 1);
      }
    };
    walk(root, 0);
    for (const each of found) if (each !== index) meet(index, each);
  }
}

function plant(root: Branch, example: readonly string[], index: number): void {
  let branch = root;
  for (const part of example) {
    const child = branch.children.get(part) ?? { children: new Map(), patterns: [] };
    branch.children.set(part, child);
    branch = child;
  }
  branch.patterns.push(index);
}

function partMatcher(part: string): RegExp {
  const source = part
    .replace(/[.+^$]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}

/** Whether a pattern takes in what another one stands for. */
export function covers(pattern: readonly string[], other: readonly string[]): boolean {
  let isMet = false;
  eachMeeting([pattern, other], (index) => {
    if (index === 0) isMet = true;
  });
  return isMet;
}
