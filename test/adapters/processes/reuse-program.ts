/** Has a pid given away in a pid namespace of its own, and prints what is then thought of it; see identity.test.ts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createProcTable } from '../../../src/adapters/processes/proc-table.ts';
import { createProcesses } from '../../../src/adapters/processes/processes.ts';

const processes = createProcesses();
const marker = { ORCH_RUN: 'reuse' };

function startAs(pid: number): ChildProcess {
  writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
  return spawn('/bin/cat', { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
}

function identify(pid: number | undefined) {
  return { pid: pid ?? 0, start: createProcTable().find(pid ?? 0)?.start ?? '' };
}

const old = startAs(5000);
const oldIdentity = identify(old.pid);
old.kill('SIGKILL');
await once(old, 'exit');
// Start times count hundredths of a second, as does the time since boot.
const before = readFileSync('/proc/uptime', 'latin1');
while (readFileSync('/proc/uptime', 'latin1') === before);
const reused = startAs(5000);
const newIdentity = identify(reused.pid);
const left = await processes.stopJob({ keeper: oldIdentity, marker, graceMs: 0 });
process.stdout.write(
  JSON.stringify({
    samePid: newIdentity.pid === oldIdentity.pid,
    oldAlive: processes.isAlive(oldIdentity),
    newAlive: processes.isAlive(newIdentity),
    left,
  }),
);
reused.kill('SIGKILL');
