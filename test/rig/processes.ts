/** Finds processes that a test left behind. */
import { readFileSync } from 'node:fs';
import { createProcesses } from '../../src/adapters/processes/processes.ts';

/**
 * Fails when a living process carries all these environment entries, and says which.
 * @param marker such as `{ ORCH_RUN: 'x-261121-k3f9' }`; at least one entry
 */
export function assertNoProcess(marker: Readonly<Record<string, string>>): void {
  const left = createProcesses().findMarked(marker);
  if (left.length === 0) return;
  const lines = left.map(({ pid }) => `  ${pid} ${readCommand(pid)}`);
  throw new Error(`processes left with ${JSON.stringify(marker)}:\n${lines.join('\n')}`);
}

/** Ends what a test may have left, so that one failure does not become many. */
export async function killMarked(marker: Readonly<Record<string, string>>): Promise<void> {
  await createProcesses().stopMarked(marker, 0);
}

function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '(gone meanwhile)';
  }
}
