/**
 * The borders of the house: a file imports from its own room and from rooms to the left of it.
 * The order is the one of ARCHITECTURE.md; adding a room means adding a word here.
 */
const PURE = ['base', 'workflow', 'plan', 'run', 'checkpoint', 'agent', 'context', 'learn', 'view'];
const ORDER = [...PURE, 'ports', 'engine'];
const SIDE_BY_SIDE = ['adapters', 'cli', 'mcp', 'serve'];

/** What reaches for the clock, the disk, a process, the network or another thread. */
const IMPURE_BUILT_INS =
  '^(node:)?(fs|fs/promises|child_process|os|net|http|https|http2|dgram|dns|tls|process|timers|timers/promises|worker_threads|cluster|readline|readline/promises|perf_hooks|v8|vm|inspector|repl|tty)$';

const folder = (rooms) => `^src/(${rooms.join('|')})/`;

/** Every room but the last may not import from any room to its right, nor from the root. */
const noImportToTheRight = ORDER.map((room, index) => ({
  name: `order-${room}`,
  comment: `${room}/ may import only from itself and from rooms to its left.`,
  severity: 'error',
  from: { path: folder([room]) },
  to: { path: [folder([...ORDER.slice(index + 1), ...SIDE_BY_SIDE]), '^src/[^/]+$'] },
}));

const apart = SIDE_BY_SIDE.map((room) => ({
  name: `apart-${room}`,
  comment: `${room}/ stands beside the other outer rooms and imports none of them, nor the root.`,
  severity: 'error',
  from: { path: folder([room]) },
  to: { path: [folder(SIDE_BY_SIDE.filter((other) => other !== room)), '^src/[^/]+$'] },
}));

module.exports = {
  forbidden: [
    ...noImportToTheRight,
    ...apart,
    {
      name: 'known-rooms',
      comment: 'Every file of src/ stands in a room of the house; only main.ts stands outside.',
      severity: 'error',
      from: { path: '^src/', pathNot: [folder([...ORDER, ...SIDE_BY_SIDE]), '^src/main\\.ts$'] },
      to: {},
    },
    {
      name: 'pure-rooms',
      comment: 'Pure rooms take the time, files and the like as arguments.',
      severity: 'error',
      from: { path: folder(PURE) },
      to: { path: IMPURE_BUILT_INS },
    },
    {
      name: 'ports-are-types',
      comment: 'ports/ holds interfaces: it imports types and nothing that runs.',
      severity: 'error',
      from: { path: folder(['ports']) },
      to: { path: ['^node_modules/', IMPURE_BUILT_INS] },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nothing imports is dead.',
      severity: 'error',
      from: { orphan: true, path: '^src/' },
      to: {},
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'What src/ imports has to be there when the package is installed.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs'],
    },
  },
};
