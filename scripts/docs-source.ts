/** What the reference is made from; scripts/docs.mjs loads it. */
import { ERROR_CODES } from '../src/base/error-codes.ts';
import { EXIT } from '../src/base/errors.ts';
import { type CommandShape, describeCommand } from '../src/cli/command-tree.ts';
import { createContext } from '../src/cli/context.ts';
import { buildProgram } from '../src/cli/program.ts';
import { EVENT_MEANINGS } from '../src/run/events.ts';
import { describeKeys } from '../src/workflow/schema-keys.ts';

export { describeKeys, ERROR_CODES, EVENT_MEANINGS, EXIT };

/** The tree of commands, without a terminal or a world: nothing of it runs. */
export function describeProgram(): CommandShape {
  const silent = { write: () => {}, isTty: false, columns: undefined };
  const context = createContext({
    cwd: '/',
    env: {},
    stdout: silent,
    stderr: silent,
    packageRoot: '/',
    version: () => '',
    endWithoutReader: () => {},
    loadPorts: () => Promise.reject(new Error('the reference needs no ports')),
  });
  return describeCommand(buildProgram(context, () => {}));
}
