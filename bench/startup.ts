/**
 * How much orch adds to the start of node: the version answers at once, help loads commander and the
 * registration of every command.
 */
import { pairs, report, rowOf, runToEnd } from './harness.ts';

const PAIRS = 40;
const node = process.execPath;
const bareNode = () => runToEnd(node, ['-e', '0']);
const orch = (flag: string) => () => runToEnd(node, ['bin/orch.js', flag]);

report([
  rowOf('orch --version / node -e 0', await pairs(PAIRS, orch('--version'), bareNode), 1.15),
  rowOf('orch --help / node -e 0', await pairs(PAIRS, orch('--help'), bareNode), 1.35),
]);
