/**
 * What surrounds the steps: inputs with their types, gates with their names, environment variables
 * that belong to orch, matrices that expand.
 */
import { joinWords } from '../base/text.ts';
import { type Checker, keySpan, listAt, mapAt, valueSpan } from './draft.ts';
import { misfitOf } from './inputs.ts';
import { expandMatrix, MatrixError } from './matrix.ts';
import { isPlainMap, type Plain, type PlainMap, type Span } from './places.ts';
import { valueAt } from './schema-issues.ts';
import type { InputSpec, JsonValue } from './workflow.ts';

export function checkSettings(checker: Checker): void {
  const whole = { source: checker.source, start: 0, end: 1 };
  checkInputSpecs(checker, mapAt(checker.root, 'inputs'), whole);
  checkEnv(checker, mapAt(checker.root, 'env'), whole);
  checkGates(checker, listAt(checker.root, 'gates'), whole);
  for (const step of checker.steps) {
    checkEnv(checker, mapAt(step.raw, 'env'), step.span);
    if (isPlainMap(step.raw['matrix']))
      checkMatrix(checker, step.raw['matrix'], valueSpan(step.raw, 'matrix', step.span));
  }
}

function checkInputSpecs(checker: Checker, inputs: PlainMap, whole: Span): void {
  const byVariable = new Map<string, string>();
  for (const [name, spec] of Object.entries(inputs)) {
    const variable = name.toUpperCase().replaceAll('-', '_');
    const rival = byVariable.get(variable);
    if (rival !== undefined) {
      checker.report({
        code: 'ORCH_DUPLICATE_KEY',
        what: `the inputs "${rival}" and "${name}" both arrive as $ORCH_INPUT_${variable}`,
        fix: 'rename one of the two',
        span: keySpan(inputs, name, whole),
        related: [{ what: 'first defined here', span: keySpan(inputs, rival, whole) }],
      });
    }
    byVariable.set(variable, name);
    if (isPlainMap(spec)) checkInputSpec(checker, name, spec, keySpan(inputs, name, whole));
  }
}

function checkInputSpec(checker: Checker, name: string, spec: PlainMap, span: Span): void {
  const { type = 'string', options, default: fallback } = spec;
  if (type === 'choice' && !Array.isArray(options)) {
    const what = `the choice "${name}" has no options`;
    checker.report({ code: 'ORCH_MISSING_KEY', what, fix: 'add options: [a, b]', span });
    return;
  }
  if (type !== 'choice' && options !== undefined) {
    const what = `the input "${name}" has options and is no choice`;
    checker.report({
      code: 'ORCH_INVALID_VALUE',
      what,
      fix: 'add type: choice',
      span: keySpan(spec, 'options', span),
    });
    return;
  }
  const isKnownType =
    type === 'string' || type === 'number' || type === 'boolean' || type === 'choice';
  if (fallback === undefined || fallback === null || typeof fallback === 'object' || !isKnownType)
    return;
  const texts = Array.isArray(options) ? options.map(String) : [];
  const typed: InputSpec = {
    type,
    required: false,
    ...(texts.length === 0 ? {} : { options: texts }),
  };
  const misfit = misfitOf(
    typed,
    type === 'choice' || type === 'string' ? String(fallback) : fallback,
  );
  if (misfit === undefined) return;
  const what = `the default of the input "${name}" ${misfit}`;
  checker.report({
    code: 'ORCH_INVALID_VALUE',
    what,
    fix: 'change the default, or the type',
    span: valueSpan(spec, 'default', span),
  });
}

function checkEnv(checker: Checker, env: PlainMap, fallback: Span): void {
  for (const name of Object.keys(env)) {
    if (!/^ORCH_/i.test(name)) continue;
    checker.report({
      code: 'ORCH_RESERVED_NAME',
      what: `the environment variable "${name}" belongs to orch`,
      fix: 'choose a name that does not begin with ORCH_',
      span: keySpan(env, name, fallback),
    });
  }
}

function checkGates(checker: Checker, gates: readonly Plain[], whole: Span): void {
  const seen = new Map<string, Span>();
  for (const [index, gate] of gates.entries()) {
    if (!isPlainMap(gate)) continue;
    checkEnv(checker, mapAt(gate, 'env'), valueSpan(gates, index, whole));
    const { name } = gate;
    if (typeof name !== 'string') continue;
    const span = valueSpan(gate, 'name', whole);
    const rival = seen.get(name);
    if (rival === undefined) seen.set(name, span);
    else {
      const related = [{ what: 'first defined here', span: rival }];
      checker.report({
        code: 'ORCH_DUPLICATE_NAME',
        what: `two gates are called "${name}"`,
        fix: 'rename one of the two',
        span,
        related,
      });
    }
  }
}

function checkMatrix(checker: Checker, matrix: PlainMap, span: Span): void {
  const dynamic = Object.entries(matrix).find(
    ([, values]) => typeof values === 'string' && values.includes('${{'),
  );
  if (dynamic !== undefined) {
    const [key] = dynamic;
    checker.report({
      code: 'ORCH_MATRIX',
      what: `"${key}" of the matrix is an expression`,
      fix: 'make the whole matrix one expression: matrix: ${{ fromJSON(steps.list.outputs.items) }}',
      span: valueSpan(matrix, key, span),
    });
    return;
  }
  const taken = ['include', 'exclude'].filter((key) => matrix[key] === null);
  if (taken.length > 0) {
    checker.report({
      code: 'ORCH_MATRIX',
      what: `${joinWords(taken, 'and')} of the matrix is empty`,
      fix: 'remove it',
      span: keySpan(matrix, taken[0] ?? '', span),
    });
    return;
  }
  try {
    expandMatrix(matrix as JsonValue);
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    checker.report({
      code: error.code,
      what: error.what,
      fix: error.fix,
      span: placeInMatrix(matrix, error.path, span),
    });
  }
}

function placeInMatrix(matrix: PlainMap, path: readonly (string | number)[], span: Span): Span {
  const last = path.at(-1);
  const container = valueAt(matrix, path.slice(0, -1));
  if (last === undefined || container === null || typeof container !== 'object') return span;
  return valueSpan(container, last, span);
}
