/**
 * Which commands a repository offers to check itself with: its tests, linters, type checks and
 * builds, as steps that can run here. What was found and cannot run here is named.
 *
 * Pure: the repository is given as facts.
 */
import { detectNode } from './detect-node.ts';
import {
  detectCargo,
  detectDotnet,
  detectGo,
  detectJava,
  detectMake,
  detectPython,
} from './detect-toolchains.ts';
import { factsBelow, foldersAbove, fromTop, leftOutFromTop } from './facts-below.ts';
import type {
  CommandKind,
  DetectedStep,
  Found,
  LeftOut,
  Offer,
  RepositoryFacts,
} from './offers.ts';

export interface Detected {
  readonly steps: readonly DetectedStep[];
  readonly leftOut: readonly LeftOut[];
}

/** Each kind of project and what its steps are called when another one has taken the plain name. */
const DETECTORS: readonly (readonly [string, (facts: RepositoryFacts) => Found])[] = [
  ['node', detectNode],
  ['cargo', detectCargo],
  ['go', detectGo],
  ['python', detectPython],
  ['java', detectJava],
  ['dotnet', detectDotnet],
];

const ORDER: readonly CommandKind[] = ['install', 'lint', 'types', 'build', 'test'];

/** Folders that hold what tools make, not what they read. */
const MADE = /^(node_modules|dist|build|out|target|coverage|vendor|bin|obj|__pycache__|\..*)$/;

/**
 * @param folder where the user stands, from the top ('' is the top): when the top offers nothing, the
 *   nearest folder from there upwards that does is taken
 */
export function detectCommands(facts: RepositoryFacts, folder = ''): Detected {
  const top = detectHere(facts);
  if (top.steps.length > 0) return top;
  const folders = folder === '' ? [] : [folder, ...foldersAbove(folder)];
  const leftOut = [...top.leftOut];
  for (const below of folders) {
    const found = detectHere(factsBelow(facts, below));
    leftOut.push(...found.leftOut.map((each) => leftOutFromTop(below, each)));
    if (found.steps.length > 0)
      return { steps: found.steps.map((step) => fromTop(below, step)), leftOut };
  }
  return { steps: [fallback(facts)], leftOut };
}

function detectHere(facts: RepositoryFacts): Detected {
  const steps: DetectedStep[] = [];
  const leftOut: LeftOut[] = [];
  const reads = readsOf(facts);
  for (const [name, detect] of DETECTORS) {
    const found = detect(facts);
    const usable = takeUsable(facts, found.offers, leftOut);
    leftOut.push(...found.leftOut);
    addSteps(steps, usable, name, reads);
  }
  // Targets of a Makefile usually call the commands above: only what none of them offers is taken.
  const kinds = new Set(steps.map(({ id }) => id));
  const targets = detectMake(facts).offers.filter(({ kind }) => !kinds.has(kind));
  addSteps(steps, takeUsable(facts, targets, leftOut), 'make', reads);
  return { steps, leftOut };
}

function takeUsable(facts: RepositoryFacts, offers: readonly Offer[], leftOut: LeftOut[]): Offer[] {
  return offers.filter(({ program, run }) => {
    const isPath = program.includes('/');
    if (isPath ? facts.hasFile(program) : facts.hasProgram(program)) return true;
    leftOut.push({ command: run, why: `${program} is not on PATH` });
    return false;
  });
}

/** Everything needs what installs, and tests need what builds: a build may clear what tests read. */
function addSteps(
  steps: DetectedStep[],
  offers: readonly Offer[],
  suffix: string,
  reads: readonly string[],
): void {
  const taken = new Set(steps.map(({ id }) => id));
  const idOf = (kind: CommandKind) => (taken.has(kind) ? `${kind}-${suffix}` : kind);
  const kinds = new Set(offers.map(({ kind }) => kind));
  for (const kind of ORDER) {
    const offer = offers.find((candidate) => candidate.kind === kind);
    if (offer === undefined) continue;
    const need = needOf(kind, kinds);
    steps.push({
      id: idOf(kind),
      run: offer.run,
      needs: need === undefined ? [] : [idOf(need)],
      reads: kind === 'install' ? [] : reads,
      from: offer.from,
    });
  }
}

function needOf(kind: CommandKind, kinds: ReadonlySet<CommandKind>): CommandKind | undefined {
  if (kind === 'install') return undefined;
  if (kind === 'test' && kinds.has('build')) return 'build';
  return kinds.has('install') ? 'install' : undefined;
}

/** All that stands at the top and below its folders; names that a glob could take for a pattern are left out. */
function readsOf({ folders }: RepositoryFacts): string[] {
  const kept = folders.filter((name) => /^[\w-]+$/.test(name) && !MADE.test(name));
  return ['*', ...kept.sort().map((name) => `${name}/**`)];
}

/**
 * Something useful that works in every repository, one without commits included: nobody wants to keep
 * the markers of a conflict. A lone line of one kind is a quotation, not a conflict. Both programs say
 * with 1 that nothing was found, and with 2 and more that they could not look.
 */
function fallback({ hasProgram }: RepositoryFacts): DetectedStep {
  const run = hasProgram('git')
    ? "git grep -nIE --all-match -e '^<{7} ' -e '^>{7} '; test $? -eq 1"
    : "grep -rIlE --exclude-dir=.git '^(<{7}|>{7}) ' .; test $? -eq 1";
  return { id: 'conflict-markers', run, needs: [], reads: [], from: 'any repository' };
}
