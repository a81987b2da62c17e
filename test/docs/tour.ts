/**
 * The tour of README.md as data: its commands with the output below them, the files it tells to save,
 * and a shell that goes through it. What differs from run to run (ids, objects, times, the order of
 * what happens side by side) is made alike by `normalise`.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cleanEnvironment } from '../rig/cli.ts';
import { orchProgram } from '../rig/program.ts';

interface TourCommand {
  readonly kind: 'command';
  /** As typed, without the prompt. */
  readonly text: string;
  readonly output: readonly string[];
  /** Lines of the page that hold the output: first, and first after it. */
  readonly from: number;
  readonly to: number;
}

interface TourFile {
  readonly kind: 'file';
  readonly path: string;
  readonly text: string;
}

export type TourPart = TourCommand | TourFile;

/** Reads what stands between the marks `<!-- tour -->` and `<!-- /tour -->`. */
export function readTour(page: string): TourPart[] {
  const lines = page.split('\n');
  const end = lines.indexOf('<!-- /tour -->');
  const parts: TourPart[] = [];
  for (let at = lines.indexOf('<!-- tour -->') + 1; at < end; at++) {
    const language = /^```(\w+)$/.exec(lines[at] ?? '')?.[1];
    if (language === undefined) continue;
    const close = lines.indexOf('```', at + 1);
    if (language === 'console') parts.push(...readCommands(lines, at + 1, close));
    else parts.push(readFile(lines.slice(at + 1, close)));
    at = close;
  }
  return parts;
}

function readCommands(lines: readonly string[], from: number, to: number): TourCommand[] {
  const starts: number[] = [];
  for (let at = from; at < to; at++) if (lines[at]?.startsWith('$ ')) starts.push(at);
  return starts.map((start, index) => {
    const end = starts[index + 1] ?? to;
    const text = (lines[start] ?? '').slice(2);
    return { kind: 'command', text, output: lines.slice(start + 1, end), from: start + 1, to: end };
  });
}

/** The first line names the file: `# .orch/workflows/report.yaml`. */
function readFile([name = '', ...lines]: readonly string[]): TourFile {
  return { kind: 'file', path: name.replace(/^# /, ''), text: `${lines.join('\n')}\n` };
}

/** The same page with other output. @param outputs one for each command, in order */
export function replaceOutputs(page: string, outputs: readonly (readonly string[])[]): string {
  const lines = page.split('\n');
  const commands = readTour(page).filter((part) => part.kind === 'command');
  for (const [index, { from, to }] of [...commands.entries()].reverse())
    lines.splice(from, to - from, ...(outputs[index] ?? []));
  return lines.join('\n');
}

/**
 * Instead of the real one where the tour waits by the clock. In a step it returns when the run has
 * been resumed; at the prompt, when the run has come to where it is to be killed.
 */
const STEERED_SLEEP = `#!/bin/sh
tries=0
if [ -n "$ORCH_RUN" ]; then
  reached() { grep -q run.resumed "$(git rev-parse --git-common-dir)/orch/runs/$ORCH_RUN/events/"*; }
else
  reached() { grep -q 'saved *checkpoint 1' "$TOUR_OUTPUT" && grep -q 'start *page' "$TOUR_OUTPUT"; }
fi
until reached; do
  tries=$((tries + 1))
  [ $tries -lt 1000 ] || exit 1
  command -p sleep 0.05
done
`;

/** Stands alone on a line before the output of each command. */
const MARK = '\u001e';

/**
 * Goes through the tour in an empty folder, in one shell.
 * @param byClock with the real `sleep`: for the output that the page shows
 * @returns what each command printed, line by line
 */
export function takeTour(
  parts: readonly TourPart[],
  folder: string,
  { byClock }: { readonly byClock: boolean },
): string[][] {
  const [programs, work, output] = [join(folder, 'bin'), join(folder, 'work'), join(folder, 'out')];
  for (const made of [programs, work]) mkdirSync(made);
  symlinkSync(orchProgram(), join(programs, 'orch'));
  if (!byClock) {
    writeFileSync(join(programs, 'sleep'), STEERED_SLEEP);
    chmodSync(join(programs, 'sleep'), 0o755);
  }
  const script = join(folder, 'tour.sh');
  writeFileSync(script, scriptOf(parts, folder));
  const { error, signal } = spawnSync('bash', [script], {
    cwd: work,
    timeout: 100_000,
    env: cleanEnvironment({
      PATH: `${programs}:${process.env['PATH']}`,
      TOUR_OUTPUT: output,
      GIT_AUTHOR_NAME: 'Ada Lovelace',
      GIT_COMMITTER_NAME: 'Ada Lovelace',
    }),
  });
  if (error !== undefined || signal !== null) throw error ?? new Error(`ended by ${signal}`);
  const [, ...printed] = readFileSync(output, 'utf8').split(`${MARK}\n`);
  return printed.map((text) => {
    const lines = text.split('\n').map((line) => line.trimEnd());
    // A shell at a terminal says it in other words, and later.
    const shown = lines.filter((line) => !/line \d+: +\d+ Killed/.test(line));
    return shown.slice(0, shown.findLastIndex((line) => line !== '') + 1);
  });
}

function scriptOf(parts: readonly TourPart[], folder: string): string {
  const lines = ['exec >> "$TOUR_OUTPUT" 2>&1 < /dev/null'];
  for (const [index, part] of parts.entries()) {
    if (part.kind === 'command') lines.push(`printf '${MARK}\\n'`, part.text);
    else {
      const saved = join(folder, `saved-${index}`);
      writeFileSync(saved, part.text);
      lines.push(`mkdir -p '${dirname(part.path)}' && cp '${saved}' '${part.path}'`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Lines of progress come in the order in which things end. */
const PROGRESS = /^ {2}(start|done|skip|gate|saved|FAIL) /;

/** Makes two goes through the tour alike; what remains different is a difference. */
export function normalise(output: readonly string[]): string[] {
  const lines = output.map((line) =>
    line
      .replaceAll(/\b([a-z]+)-\d{6}-[0-9a-z]{4,}\b/g, '$1-RUN')
      .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'DATE')
      .replaceAll(/\b[0-9a-f]{7,64}\b/g, 'OBJECT')
      .replaceAll(/\b(just now|\d+[smh] ago)\b/g, 'AGO')
      .replaceAll(/\b\d+(\.\d+)? ?(ms|s|m|h)\b( \d+s\b)?/g, 'TIME')
      .replaceAll(/\[\d+\/(\d+)\]/g, '[n/$1]')
      .replaceAll(/(steps), \d+ %/g, '$1, N %') // Grows with the time that a step has run.
      .replaceAll(/(\S) {2,}/g, '$1 ')
      .trimEnd(),
  );
  return [
    ...lines.filter((line) => !PROGRESS.test(line)),
    ...lines.filter((line) => PROGRESS.test(line)).sort(),
  ];
}
