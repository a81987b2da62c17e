/** Live progress in a real pseudo-terminal: what is drawn while it lasts, and what is left of it. */
import { describe, expect, test } from 'vitest';
import { runOrch } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';
import { hasScript, runOrchInTerminal } from '../rig/terminal.ts';

/** More steps at once than the terminal has rows, each long enough for a few frames. */
const WORKFLOW = `name: wide
concurrency: 12
steps:
  many:
    matrix: { x: [a, b, c, d, e, f, g, h, i, j, k, l] }
    run: sleep 1
    estimate: 1s
  broken: { needs: [many], run: exit 3, estimate: 1s, continue_on_error: true }
`;
const NARROW = `name: narrow
steps:
  measure-everything:
    matrix: { x: [one, two, three, four] }
    run: "true"
`;
const SPINNER = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/u;

describe.runIf(hasScript)('live progress', () => {
  test('never outgrows the terminal, and leaves only what is worth keeping', async () => {
    using repository = makeRepository();
    repository.write('wide.yaml', WORKFLOW);
    repository.commitAll('first');
    const { code, raw, lines } = await runOrchInTerminal(['run', 'wide.yaml', '--no-color'], {
      cwd: repository.top,
      columns: 60,
      rows: 8,
    });
    // While it lasts: one line for the run, some that run, and how many there is no room for.
    expect(raw).toMatch(/ wave 1\/1, 0 of 13 steps, \d+ %, about \d+m? ?\d*s? left/);
    expect(raw).toContain('many(a)  0s');
    expect(raw).toMatch(/ and \d+ more/);
    // Afterwards: no frame, no running step, and the cursor is back.
    const text = lines.join('\n');
    expect(text).not.toMatch(SPINNER);
    expect(text).not.toMatch(/many\(/);
    expect(text).not.toMatch(/more$/m);
    expect(raw.lastIndexOf('\x1b[?25h')).toBeGreaterThan(raw.lastIndexOf('\x1b[?25l'));
    expect(lines[0]).toMatch(/^run wide-/);
    expect(text).toMatch(/^ {2}saved {2}checkpoint 0 /m);
    expect(text).toMatch(/^ {2}FAIL {3}broken: exit code 3, .*\[13\/13\]$/m);
    expect(text).toMatch(/^passed: wide-/m);
    expect(code).toBe(0);
  });

  test('a long name leaves room for the time that it takes', async () => {
    using repository = makeRepository();
    const id = 'a-name-as-long-as-names-can-become-and-longer-than-the-line';
    repository.write('long.yaml', `name: long\nsteps:\n  ${id}: { run: sleep 2 }\n`);
    repository.commitAll('first');
    const { raw } = await runOrchInTerminal(['run', 'long.yaml', '--no-color'], {
      cwd: repository.top,
      columns: 50,
      rows: 8,
    });
    expect(raw).toMatch(/ {3}a-name-as-\S*…\S*than-the-line {2}1s/);
  });

  test('--quiet draws nothing', async () => {
    using repository = makeRepository();
    repository.write('one.yaml', 'name: one\nsteps:\n  a: { run: "true" }\n');
    repository.commitAll('first');
    const terminal = { cwd: repository.top, columns: 80, rows: 24 };
    const { raw } = await runOrchInTerminal(['run', 'one.yaml', '--quiet'], terminal);
    expect(raw).not.toContain('\x1b[?25l');
    expect(raw).toContain('passed: one-');
  });

  test('tables are drawn, and no wider than the terminal', async () => {
    using repository = makeRepository();
    const steps = ['a', 'b', 'c'].map((id) => `  ${id.repeat(40)}: { run: "true" }\n`).join('');
    repository.write('long.yaml', `name: long\nsteps:\n${steps}`);
    const terminal = { cwd: repository.top, columns: 60, rows: 40 };
    const { lines } = await runOrchInTerminal(['plan', 'long.yaml', '--no-color'], terminal);
    const table = lines.filter((line) => /^[┌│└]/.test(line));
    expect(table).toHaveLength(6);
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(60);
    expect(new Set(table.map((line) => line.length)).size).toBe(1);
  });

  test('in a narrow one, matrix instances stay apart and ids of runs are whole', async () => {
    using repository = makeRepository();
    repository.write('narrow.yaml', NARROW);
    repository.commitAll('first');
    const terminal = { cwd: repository.top, columns: 40, rows: 40 };
    const planned = await runOrchInTerminal(['plan', 'narrow.yaml', '--no-color'], terminal);
    const cells = planned.lines.flatMap((line) => /^│ (.*?)│/.exec(line)?.[1]?.trim() ?? []);
    expect(cells).toHaveLength(5);
    expect(new Set(cells).size).toBe(5);
    const { stdout } = await runOrch(['run', 'narrow.yaml', '--json'], { cwd: repository.top });
    const { run } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { run: string };
    const listed = await runOrchInTerminal(['list', '--no-color'], terminal);
    expect(listed.lines.join('\n')).toContain(`│ ${run} │`);
    expect(Math.max(...listed.lines.map((line) => line.length))).toBeLessThanOrEqual(40);
  });
});
