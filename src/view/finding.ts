/** What `orch doctor` finds, and how it is told. */
import { plural, stripControl } from '../base/text.ts';
import { nextLine, type Reader } from './next-line.ts';

export interface Finding {
  /** What was looked at: `git`, `repository`, `node`, `processes`, `lock`, `run`, ... */
  readonly check: string;
  /** A problem should be mended; a note is only good to know. */
  readonly level: 'problem' | 'note';
  readonly what: string;
  /** Why it matters. */
  readonly why: string;
  /** The next thing to type or do. */
  readonly fix: string;
  /** Whether `doctor --fix` mends it. */
  readonly fixable: boolean;
  /** Whether it just did. */
  readonly fixed: boolean;
}

/** True when no problem is left. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ level, fixed }) => level === 'note' || fixed);
}

export function findingsDocument(findings: readonly Finding[]) {
  return { healthy: isHealthy(findings), findings };
}

export function renderFindings(findings: readonly Finding[], reader: Reader): string {
  const problems = findings.filter(({ level, fixed }) => level === 'problem' && !fixed);
  const fixable = problems.filter((finding) => finding.fixable).length;
  return [
    ...findings.flatMap(lines),
    problems.length === 0 ? 'all is well' : `${plural(problems.length, 'problem')} found`,
    ...nextLine(reader, fixable === 0 ? null : `orch doctor --fix   mends ${fixable} of them`),
  ].join('\n');
}

function lines({ level, fixed, what, why, fix }: Finding): string[] {
  const word = fixed ? 'mended' : level;
  return [
    `${word}: ${oneLine(what)}`,
    `  why: ${oneLine(why)}`,
    ...(fixed || fix === '' ? [] : [`  fix: ${oneLine(fix)}`]),
  ];
}

function oneLine(text: string): string {
  return stripControl(text.replace(/\s*\n\s*/g, ' '));
}
