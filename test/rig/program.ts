/**
 * Where the built program of this test session stands: a small copy of the package (bin, dist,
 * package.json, templates) that global-setup.ts makes and takes away again. Never the project's own
 * dist/, which someone may be rebuilding.
 */
import { join } from 'node:path';

const PROGRAM_FOLDER = 'ORCH_TEST_PROGRAM';
const CHILD_COVERAGE = 'ORCH_TEST_COVERAGE';

export function setProgramFolder(folder: string): void {
  process.env[PROGRAM_FOLDER] = folder;
}

/** Absolute path of the package under test. */
export function programFolder(): string {
  const folder = process.env[PROGRAM_FOLDER];
  if (folder === undefined) throw new Error('the program is built by vitest: run this as a test');
  return folder;
}

/** Which sources the build put into which file, as esbuild tells it. */
export function metafilePath(folder = programFolder()): string {
  return join(folder, 'metafile.json');
}

/** What `node` starts. */
export function orchProgram(): string {
  return join(programFolder(), 'bin', 'orch.js');
}

/** The folder in which child processes leave what they ran; undefined unless coverage is measured. */
export function childCoverageFolder(): string | undefined {
  return process.env[CHILD_COVERAGE];
}
