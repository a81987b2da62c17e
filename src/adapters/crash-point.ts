/**
 * Crash points: named places beside every persisted effect at which a test can end the process.
 *
 * `ORCH_CRASH=<name>#<n>` kills this process with SIGKILL at the nth hit of that name, so that no
 * handler, buffer or `finally` gets a chance, as in a real crash. `ORCH_CRASH_RECORD=<file>` appends
 * the name of every hit as a line: a test first records a run and then crashes it at every line.
 * Which names exist is for the callers to say; this file knows none.
 */
import { appendFileSync } from 'node:fs';

interface CrashPlan {
  readonly name: string;
  remainingHits: number;
}

const plan = readPlan(process.env['ORCH_CRASH']);
const recordFile = process.env['ORCH_CRASH_RECORD'];
const armed = plan !== undefined || recordFile !== undefined;

function readPlan(text: string | undefined): CrashPlan | undefined {
  if (text === undefined) return undefined;
  const mark = text.lastIndexOf('#');
  const hits = mark < 0 ? Number.NaN : Number(text.slice(mark + 1));
  // Thrown, not ignored: a crash test with a mistyped plan would pass without crashing anything.
  if (!Number.isInteger(hits) || hits < 1) throw new Error(`ORCH_CRASH is not <name>#<n>: ${text}`);
  return { name: text.slice(0, mark), remainingHits: hits };
}

/**
 * Marks a place where a crash must do no harm. Free when no crash test is on: one comparison.
 * @param name what happens here and on which side of it: `git update-ref:before`
 */
export function crashPoint(name: string): void {
  if (armed) hit(name);
}

function hit(name: string): void {
  if (recordFile !== undefined) appendFileSync(recordFile, `${name}\n`);
  if (plan === undefined || plan.name !== name) return;
  plan.remainingHits -= 1;
  if (plan.remainingHits === 0) process.kill(process.pid, 'SIGKILL');
}
