/**
 * What a resume has to do before it can go on: read run.json and the journal, fold it, and decide.
 * Nothing of it is work of the run, so it is held against the start of a bare node: a second on a
 * machine where that takes a tenth of one.
 *
 * The journal is that of a run which was stopped when nine tenths of its steps had ended.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFiles } from '../src/adapters/files/files.ts';
import { encodeFrozen } from '../src/engine/frozen.ts';
import { JournalWriter } from '../src/engine/journal.ts';
import { readRun } from '../src/engine/read-run.ts';
import { runFiles } from '../src/engine/run-files.ts';
import { makePlan } from '../src/plan/make-plan.ts';
import { decide } from '../src/run/decide.ts';
import { stepOf, workflowOf } from '../test/plan/builders.ts';
import { driveAtOnce } from '../test/run/drive.ts';
import { pairs, report, rowOf, runToEnd } from './harness.ts';

const PAIRS = 7;
const STAGE = 64;

const folder = mkdtempSync(join(tmpdir(), 'orch-bench-resume-'));
const files = createFiles();

/** Files of a run that was stopped; @returns what a resume does first */
function stoppedRun(count: number): () => void {
  const steps = Array.from({ length: count }, (_, place) => {
    const before = place - STAGE;
    return stepOf(`s${place}`, {
      needs: before < 0 ? [] : [`s${before}`, `s${before - (before % STAGE)}`],
    });
  });
  const workflow = workflowOf({ steps });
  const plan = makePlan(workflow, { concurrency: 8, strategies: {} });
  const run = `bench-${count}`;
  const at = runFiles(folder, run);
  files.makeFolder(at.events);
  const { events } = driveAtOnce({ run, workflow, plan, inputs: {} });
  const begun = { v: 1, run, orch_version: '0', created_at: new Date(0).toISOString() };
  const repository = { base: null, branch: null, index_tree: null, commit_to: 'branch' } as const;
  files.replace(at.frozen, encodeFrozen({ ...begun, ...repository, inputs: {}, workflow, plan }));
  const journal = new JournalWriter(files, at, { events: [], nextSegment: 0 });
  journal.append(events.slice(0, Math.floor(events.length * 0.9)));
  journal.close();
  return () => {
    const { state } = readRun(files, folder, run);
    const command = decide(state, { nowMs: Date.now(), busy: new Set() });
    if (command === undefined) throw new Error('there is nothing to go on with');
  };
}

try {
  const small = stoppedRun(10_000);
  const large = stoppedRun(100_000);
  const bareNode = () => runToEnd(process.execPath, ['-e', '0']);
  report([
    rowOf('resume decision of 10000 steps / bare node', await pairs(PAIRS, small, bareNode), 10),
    rowOf('resume decision of 100000 steps / of 10000', await pairs(PAIRS, large, small), 14),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
