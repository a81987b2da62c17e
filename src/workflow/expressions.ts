/**
 * Expressions `${{ }}` at run time: a text or a condition with a context becomes a value.
 *
 * Contexts are `inputs`, `steps`, `matrix`, `env`, `run` and `wave`; the caller says what they hold,
 * and inside a nested workflow gives that workflow's own. There is no success(), failure() or
 * always(): whether a step may start is said by `trigger_rule`. Checking a file's expressions before
 * anything runs is check-expressions.ts's business; the syntax is expression-parse.ts's.
 */
import { data, Evaluator, wellKnownFunctions } from '@actions/expressions';
import { OrchError } from '../base/errors.ts';
import { clipToWidth, stripControl } from '../base/text.ts';
import { fromData, toData } from './expression-data.ts';
import {
  CONTEXT_NAMES,
  type ExpressionProblem,
  isProblem,
  type ParsedExpression,
  parseExpression,
  splitTemplate,
  type TemplatePart,
} from './expression-parse.ts';
import type { JsonValue } from './workflow.ts';

/** Values by context; a context left out is empty. */
export type ExpressionContext = Readonly<Record<string, JsonValue>>;

type Functions = ConstructorParameters<typeof Evaluator>[2];
type FunctionDefinition = NonNullable<(typeof wellKnownFunctions)[string]>;

const MAX_RESULT_CHARACTERS = 4_000_000;
const FUNCTIONS: Functions = new Map([
  ['fromjson', replaced('fromjson', (text) => toData(JSON.parse(text?.coerceString() ?? '')))],
  [
    'tojson',
    replaced(
      'tojson',
      (value) => new data.StringData(JSON.stringify(fromData(value ?? new data.Null()), null, 2)),
    ),
  ],
  ['format', replaced('format', bounded('format'))],
  ['join', replaced('join', bounded('join'))],
]);

/**
 * A text's plain parts and expressions, each expression checked to parse.
 * @throws OrchError ORCH_EXPRESSION
 */
export function parseTemplate(text: string): readonly TemplatePart[] {
  const { parts, problem } = splitTemplate(text);
  if (problem !== undefined) throw syntaxError(problem, text);
  for (const part of parts) if (part.kind === 'expression') parseOrThrow(part.text);
  return parts;
}

/**
 * The text with every `${{ }}` replaced by its value. A text that is one expression and nothing else,
 * white space apart, gives that value as it is; among other text, null becomes nothing and lists and
 * maps become JSON.
 * @throws OrchError ORCH_EXPRESSION when it does not parse, ORCH_EXPRESSION_FAILED when evaluating fails
 */
export function evaluateTemplate(text: string, context: ExpressionContext): JsonValue {
  if (!text.includes('${{')) return text;
  const parts = parseTemplate(text);
  const single = singleExpression(parts);
  if (single !== undefined) return evaluateExpression(single, context);
  const texts = parts.map((part) =>
    part.kind === 'text' ? part.text : textOfValue(evaluateExpression(part.text, context)),
  );
  return texts.join('');
}

/**
 * Whether a condition holds; `${{ }}` around it is optional. As in GitHub Actions false, 0, '' and
 * null do not hold, everything else does.
 * @throws OrchError ORCH_EXPRESSION when it does not parse, ORCH_EXPRESSION_FAILED when evaluating fails
 */
export function evaluateCondition(text: string, context: ExpressionContext): boolean {
  let expression = text;
  if (text.includes('${{')) {
    const single = singleExpression(parseTemplate(text));
    if (single === undefined)
      throw syntaxError({ ...MIXED_CONDITION, offset: 0, length: text.length }, text);
    expression = single;
  }
  return Boolean(evaluateExpression(expression, context));
}

/** A condition of several `${{ }}` with text between is a text, which would always hold. */
export const MIXED_CONDITION = {
  what: 'a condition is one expression, not text with expressions in it',
  fix: 'write the whole condition inside one "${{ }}", or without any',
};

/** What stands between the braces, evaluated. @throws as evaluateTemplate */
function evaluateExpression(text: string, context: ExpressionContext): JsonValue {
  const { tree } = parseOrThrow(text);
  const contexts = new data.Dictionary();
  for (const name of CONTEXT_NAMES) {
    contexts.add(name, toData(Object.hasOwn(context, name) ? context[name] : {}));
  }
  try {
    return fromData(new Evaluator(tree, contexts, FUNCTIONS).evaluate());
  } catch (cause) {
    const why =
      cause instanceof Error
        ? cause.cause instanceof Error
          ? cause.cause.message
          : cause.message
        : String(cause);
    throw new OrchError(
      'ORCH_EXPRESSION_FAILED',
      `cannot evaluate "${clipToWidth(stripControl(text.trim()), 100)}": ${why}`,
      {
        fix: 'check the values it uses with `orch show`',
        cause,
      },
    );
  }
}

/**
 * Ids of the steps whose values a text or a bare condition uses, as written; `*` stands for steps that
 * are only known when it is evaluated (`steps.*`, `steps[matrix.x]`). Nothing for a text that does
 * not parse.
 */
export function referencedSteps(text: string): ReadonlySet<string> {
  const expressions = text.includes('${{')
    ? splitTemplate(text).parts.flatMap((part) => (part.kind === 'expression' ? [part.text] : []))
    : [text];
  const ids = new Set<string>();
  for (const expression of expressions) {
    const result = parseExpression(expression);
    if (isProblem(result)) continue;
    for (const { context, path } of result.references) {
      if (context === 'steps') ids.add(path[0] ?? '*');
    }
  }
  return ids;
}

/**
 * What a bare condition looks at, each as an expression of its own: `steps.lint.status`,
 * `inputs.target`. Nothing for a text that does not parse.
 */
export function referencedValues(text: string): readonly string[] {
  const single = text.includes('${{') ? singleExpression(splitTemplate(text).parts) : text;
  const result = single === undefined ? undefined : parseExpression(single);
  if (result === undefined || isProblem(result)) return [];
  const names = result.references.map(({ context, path }) =>
    [context, ...path.map(asAccess)].join(''),
  );
  return [...new Set(names)];
}

function asAccess(name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `['${name.replaceAll("'", "''")}']`;
}

/** The value inside a longer text: nothing for null, JSON for lists and maps. */
export function textOfValue(value: JsonValue): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function singleExpression(parts: readonly TemplatePart[]): string | undefined {
  const meaningful = parts.filter((part) => part.kind === 'expression' || part.text.trim() !== '');
  const [only] = meaningful;
  return meaningful.length === 1 && only?.kind === 'expression' ? only.text : undefined;
}

function parseOrThrow(text: string): ParsedExpression {
  const result = parseExpression(text);
  if (isProblem(result)) throw syntaxError(result, text);
  return result;
}

function syntaxError(problem: ExpressionProblem, text: string): OrchError {
  return new OrchError(
    'ORCH_EXPRESSION',
    `${problem.what}: ${clipToWidth(stripControl(text.trim()), 100)}`,
    { fix: problem.fix },
  );
}

/** One of the language's functions with another body. */
function replaced(name: string, call: FunctionDefinition['call']): FunctionDefinition {
  const original = wellKnownFunctions[name];
  if (original === undefined) throw new Error(`@actions/expressions has no ${name}`);
  return { ...original, call };
}

/** Nested calls can double a text at every level, so a result has a largest size. */
function bounded(name: string): FunctionDefinition['call'] {
  return (...args) => {
    const original = wellKnownFunctions[name];
    const result = original?.call(...args) ?? new data.Null();
    if (result.coerceString().length > MAX_RESULT_CHARACTERS)
      throw new Error(`the result of ${name}() is too long`);
    return result;
  };
}
