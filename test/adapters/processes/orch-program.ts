/** Stands for orch: starts a keeper and a job, says who the keeper is, and hangs; see keeper.test.ts. */
import { createProcesses } from '../../../src/adapters/processes/processes.ts';

const { exitLog, job } = JSON.parse(process.argv[2] ?? '');
const keeper = createProcesses().startKeeper(0, exitLog, {
  jobEnded: () => {},
  keeperEnded: () => {},
});
keeper.startJob(job);
process.stdout.write(JSON.stringify(keeper.identity));
