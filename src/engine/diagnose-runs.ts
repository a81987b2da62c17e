/** What dead processes of orch left of their runs: runs in the middle, damaged records, living children. */
import { OrchError } from '../base/errors.ts';
import { plural } from '../base/text.ts';
import type { Ports } from '../ports/ports.ts';
import type { ProcessIdentity } from '../ports/processes.ts';
import { hasFinished } from '../run/decide.ts';
import type { RunState } from '../run/state.ts';
import { note, problem } from '../view/environment-findings.ts';
import type { Finding } from '../view/finding.ts';
import { holderOf } from './look-at-run.ts';
import { listRuns, type ReadRun, readRun } from './read-run.ts';
import { runFiles } from './run-files.ts';

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000;
/** Runs that have finished ended their processes themselves: only the newest are looked at again. */
const FINISHED_LOOKED_AT = 20;

/** @param fix ends processes of runs that no orch works on */
export async function findInRuns(
  ports: Ports,
  commonDir: string,
  fix: boolean,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  let finished = 0;
  for (const run of listRuns(ports.files, commonDir).reverse()) {
    if (holderOf(ports, runFiles(commonDir, run)) !== undefined) continue;
    const read = tryToRead(ports, commonDir, run);
    if ('damage' in read) findings.push(read.damage);
    else findings.push(...runFindings(read));
    const isFinished = !('damage' in read) && hasFinished(read.state);
    if (isFinished) finished += 1;
    if (isFinished && finished > FINISHED_LOOKED_AT) continue;
    if (fix && !('damage' in read)) endKeepers(ports, read.state);
    findings.push(...(await orphanFindings(ports, run, isFinished, fix)));
  }
  return findings;
}

function tryToRead(
  ports: Ports,
  commonDir: string,
  run: string,
): ReadRun | { readonly damage: Finding } {
  try {
    return readRun(ports.files, commonDir, run);
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    const { what, fix } = error;
    const why = `run ${run} can be neither shown nor resumed as it is; its checkpoints are not touched by this`;
    return { damage: problem({ check: 'journal', what, why, fix }) };
  }
}

function runFindings({ state, journal }: ReadRun): Finding[] {
  const { run, status } = state;
  const goOn = `orch resume ${run}, or orch cancel ${run}`;
  const findings: Finding[] = [];
  if (status === 'running' || status === 'interrupted') {
    const how = status === 'running' ? 'its process is gone' : 'it was interrupted';
    const what = `run ${run} is in the middle: ${how}`;
    const why = 'what it has done is kept, and the rest is not done';
    findings.push(problem({ check: 'run', what, why, fix: goOn }));
  }
  if (status === 'waiting') {
    const ids = [...state.waiting].map((index) => state.nodes[index]?.id).join(', ');
    const what = `run ${run} waits for a person: ${ids}`;
    const why = 'it goes on when it has its answer and is resumed';
    findings.push(note({ check: 'run', what, why, fix: `orch approve ${run} <step>` }));
  }
  if (journal.torn !== undefined) {
    const what = `the journal of run ${run} ends in the middle of a line`;
    const why =
      'the line was being written at a crash and nobody acted on it; a resume cuts it off';
    findings.push(note({ check: 'journal', what, why, fix: goOn }));
  }
  return findings;
}

/**
 * Before their jobs, so that none of them writes that its job was ended: nobody decided that the step
 * failed, and a resume is to run it again.
 */
function endKeepers({ processes }: Ports, { keepers }: RunState): void {
  const boot = processes.bootId();
  for (const keeper of keepers.values()) if (keeper.boot === boot) processes.endKeeper(keeper);
}

async function orphanFindings(
  ports: Ports,
  run: string,
  isFinished: boolean,
  fix: boolean,
): Promise<Finding[]> {
  const marker = { ORCH_RUN: run };
  const living = ports.processes.findMarked(marker);
  if (living.length === 0) return [];
  const named = living.map((process) => nameProcess(ports, process)).join(', ');
  const left = fix ? await ports.processes.stopMarked(marker, GRACE_MS) : living;
  const why = isFinished
    ? 'the run is over, and nobody waits for what they do'
    : 'steps of a killed run go on; a resume takes them up, anything else lets them change files unseen';
  const finding = problem(
    {
      check: 'orphan',
      what: `${plural(living.length, 'process', 'processes')} of run ${run}, on which no orch works: ${named}`,
      why,
      fix: isFinished
        ? 'orch doctor --fix'
        : `orch resume ${run} to take them up, or orch doctor --fix to end them`,
    },
    true,
  );
  return [{ ...finding, fixed: left.length === 0 }];
}

/** `1234 (npm test)`; the command is shown where the system tells it. */
function nameProcess({ files }: Ports, { pid }: ProcessIdentity): string {
  const command = files.readText(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim();
  return command ? `${pid} (${command.slice(0, 60)})` : String(pid);
}
