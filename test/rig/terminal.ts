/**
 * A program in a real pseudo-terminal (of `script`, util-linux), and what its screen shows: a terminal
 * with as many of the control sequences as progress displays use.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cleanEnvironment } from './cli.ts';
import { orchProgram } from './program.ts';

export const hasScript = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false;

export interface TerminalOutcome {
  readonly code: number | null;
  /** Every byte the terminal got. */
  readonly raw: string;
  /** What stands on it at the end, with what has scrolled away, without empty lines at the end. */
  readonly lines: readonly string[];
}

export async function runOrchInTerminal(
  args: readonly string[],
  { cwd, columns, rows }: { cwd: string; columns: number; rows: number },
): Promise<TerminalOutcome> {
  const words = [process.execPath, orchProgram(), ...args].map((word) => `'${word}'`).join(' ');
  const command = `stty cols ${columns} rows ${rows} -onlcr && exec ${words}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd,
    env: cleanEnvironment({ TERM: 'xterm-256color' }) as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let raw = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    raw += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, raw, lines: screenOf(raw, columns, rows) };
}

const PIECE = /\x1b\[([?\d;]*)([A-Za-z])|\n|\r|[^\x1b\n\r]/gu;

/** Without onlcr a line feed only moves down; node and listr2 write it for a new line, so it is one. */
export function screenOf(raw: string, columns: number, rows: number): string[] {
  const lines: string[][] = [[]];
  let row = 0;
  let column = 0;
  const lineAt = (index: number): string[] => {
    while (lines.length <= index) lines.push([]);
    return lines[index] as string[];
  };
  for (const [piece, argument = '', command] of raw.matchAll(PIECE)) {
    // A terminal cannot reach what has scrolled out of it.
    const top = Math.max(0, lines.length - rows);
    if (command === 'A') row = Math.max(top, row - Number(argument || 1));
    else if (command === 'G') column = Number(argument || 1) - 1;
    else if (command === 'K' && argument === '2') lineAt(row).length = 0;
    else if (command !== undefined) continue;
    else if (piece === '\r') column = 0;
    else if (piece === '\n' || column === columns) {
      row += 1;
      column = 0;
      lineAt(row);
      if (piece !== '\n') lineAt(row)[column++] = piece;
    } else {
      const line = lineAt(row);
      while (line.length < column) line.push(' ');
      line[column++] = piece;
    }
  }
  const texts = lines.map((line) => line.join('').trimEnd());
  while (texts.at(-1) === '') texts.pop();
  return texts;
}
