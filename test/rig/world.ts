/** A made-up process for command tests within this one: no terminal, an empty environment, output kept. */
import { projectRoot } from '../../scripts/build.mjs';
import type { CliWorld } from '../../src/cli/context.ts';
import type { Writer } from '../../src/cli/output.ts';

export interface Recorder extends Writer {
  /** Everything written so far. */
  readonly text: string;
}

export function makeRecorder(isTty = false): Recorder {
  let text = '';
  return {
    write(more) {
      text += more;
    },
    get text() {
      return text;
    },
    isTty,
    columns: isTty ? 100 : undefined,
  };
}

export type RecordedWorld = CliWorld & { readonly stdout: Recorder; readonly stderr: Recorder };

/** @param changes what differs from an empty environment without terminal and without ports */
export function makeWorld(changes: Partial<Omit<RecordedWorld, 'stderr'>> = {}): RecordedWorld {
  return {
    cwd: projectRoot,
    env: {},
    stdout: makeRecorder(),
    stderr: makeRecorder(),
    packageRoot: projectRoot,
    version: () => '1.2.3',
    endWithoutReader: () => {},
    loadPorts: () => Promise.reject(new Error('this test has no ports')),
    ...changes,
  };
}
