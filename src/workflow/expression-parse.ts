/**
 * The syntax of `${{ }}`: cuts texts into plain parts and expressions, parses an expression once, and
 * says which names it uses. Mistakes come back as problems with offsets, so that a file's checker
 * can put carets under them and the evaluator can throw them.
 *
 * The language is that of GitHub Actions, and so is its parser (@actions/expressions). Around that
 * stand three guards: only functions offered here may be called (the parser looks names up in an
 * ordinary object and would take `constructor`), length is bounded before anything recurses, and a
 * doubled quote in a text is undone every time, not only the first.
 */
import { type Expr, ExpressionError, Lexer, Parser } from '@actions/expressions';
import { type Token, TokenType } from '@actions/expressions/lexer';
import { closestMatch, joinWords } from '../base/text.ts';

export type ContextName = 'inputs' | 'steps' | 'matrix' | 'env' | 'run' | 'wave';
export const CONTEXT_NAMES: readonly ContextName[] = [
  'inputs',
  'steps',
  'matrix',
  'env',
  'run',
  'wave',
];
const FUNCTION_NAMES = [
  'case',
  'contains',
  'endsWith',
  'format',
  'fromJSON',
  'join',
  'startsWith',
  'toJSON',
];

/** A mistake in an expression; offsets count in the text that was given. */
export interface ExpressionProblem {
  readonly what: string;
  readonly fix: string;
  readonly offset: number;
  readonly length: number;
}

/** `steps.build.outputs.x` is context `steps` with path `[build, outputs, x]`. */
export interface Reference {
  readonly context: ContextName;
  /** Names as far as they are written out; stops at `*` and at a computed index. */
  readonly path: readonly string[];
  readonly offset: number;
  readonly length: number;
}

export interface ParsedExpression {
  readonly tree: Expr;
  readonly references: readonly Reference[];
}

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  /** `offset` is where `text`, what stands between the braces, begins. */
  | { readonly kind: 'expression'; readonly text: string; readonly offset: number };

const MAX_EXPRESSION_CHARACTERS = 10_000;
const MAX_TOKENS = 1_000;
const MAX_CACHED = 20_000;
const OPEN = '${{';

const FOREIGN_FUNCTIONS: Readonly<Record<string, string>> = {
  success: 'success() is the default; "trigger_rule" says when a step runs after others failed',
  failure: `write "trigger_rule: all_done" and "when: steps.<id>.status == 'failed'"`,
  always: 'write "trigger_rule: all_done" instead of always()',
  cancelled: `write "trigger_rule: all_done" and "when: steps.<id>.status == 'cancelled'"`,
  hashfiles: 'list the files under "reads"; the cache compares their content',
};
const FOREIGN_CONTEXTS: Readonly<Record<string, string>> = {
  needs: 'write steps.<id>.outputs.<name>',
  secrets: 'set the secret in the environment that orch is started with; every step inherits it',
  vars: 'declare it under "inputs" or "env"',
  github: 'declare what you need under "inputs" and pass it with --input',
};

const parsed = new Map<string, ParsedExpression | ExpressionProblem>();

export function isProblem(
  result: ParsedExpression | ExpressionProblem,
): result is ExpressionProblem {
  return 'what' in result;
}

/** Cuts a text at its `${{ }}`; a `}}` inside a quoted text does not end one. */
export function splitTemplate(text: string): {
  parts: TemplatePart[];
  problem?: ExpressionProblem;
} {
  const parts: TemplatePart[] = [];
  let done = 0;
  for (let open = text.indexOf(OPEN); open >= 0; open = text.indexOf(OPEN, done)) {
    if (open > done) parts.push({ kind: 'text', text: text.slice(done, open) });
    const offset = open + OPEN.length;
    const close = endOfExpression(text, offset);
    if (close < 0) {
      const fix = 'close it with "}}"; text inside stands in single quotes';
      return {
        parts,
        problem: {
          what: 'an expression is opened with "${{" and not closed',
          fix,
          offset: open,
          length: OPEN.length,
        },
      };
    }
    parts.push({ kind: 'expression', text: text.slice(offset, close), offset });
    done = close + 2;
  }
  if (done < text.length) parts.push({ kind: 'text', text: text.slice(done) });
  return { parts };
}

function endOfExpression(text: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "'") isQuoted = !isQuoted;
    else if (!isQuoted && text[at] === '}' && text[at + 1] === '}') return at;
  }
  return -1;
}

/** Parses what stands between the braces; every text is parsed once per process. */
export function parseExpression(text: string): ParsedExpression | ExpressionProblem {
  let result = parsed.get(text);
  if (result === undefined) {
    result = parseAnew(text);
    if (parsed.size >= MAX_CACHED) parsed.clear();
    parsed.set(text, result);
  }
  return result;
}

function parseAnew(text: string): ParsedExpression | ExpressionProblem {
  const whole = { offset: 0, length: Math.max(1, text.length) };
  if (text.trim() === '')
    return {
      ...whole,
      what: 'the expression is empty',
      fix: 'write what to evaluate, or remove it',
    };
  if (text.length > MAX_EXPRESSION_CHARACTERS) return tooLong(whole);
  const lexed = lex(text);
  if ('what' in lexed) return lexed;
  if (lexed.length > MAX_TOKENS) return tooLong(whole);
  const offsets = offsetsOf(lexed, text);
  const foreign = foreignName(lexed, offsets);
  if (foreign !== undefined) return foreign;
  try {
    const tree: Expr | undefined = new Parser(lexed, [...CONTEXT_NAMES], []).parse();
    return { tree, references: referencesIn(lexed, offsets) };
  } catch (error) {
    return syntaxProblem(error, text, lexed, offsets);
  }
}

function tooLong(whole: { offset: number; length: number }): ExpressionProblem {
  return {
    ...whole,
    what: 'the expression is too long',
    fix: 'let a step compute the value and write it to $ORCH_OUTPUT',
  };
}

function lex(text: string): Token[] | ExpressionProblem {
  try {
    const { tokens } = new Lexer(text).lex();
    for (const token of tokens) {
      if (token.type === TokenType.STRING)
        token.value = token.lexeme.slice(1, -1).replaceAll("''", "'");
    }
    return tokens;
  } catch (error) {
    // The lexer tells the place in its message alone.
    const at =
      error instanceof Error
        ? / Located at position (\d+) within expression: /.exec(error.message)
        : null;
    const offset = Math.max(0, Number(at?.[1] ?? 1) - 1);
    const symbol =
      /^'?[^\s()[\],.!<>=&|]*/.exec(text.slice(offset))?.[0] || text.slice(offset, offset + 1);
    return {
      what: `unexpected ${symbol.includes('"') ? symbol : `"${symbol}"`} in the expression`,
      fix: fixFor(text),
      offset,
      length: Math.max(1, symbol.length),
    };
  }
}

function fixFor(text: string): string {
  if (/[^=!<>]=[^=]/.test(text)) return 'compare with "=="';
  if (text.includes('"')) return "put text in single quotes: steps.build.status == 'passed'";
  return "write it as in GitHub Actions: steps.build.status == 'passed' && inputs.deploy";
}

function syntaxProblem(
  error: unknown,
  text: string,
  tokens: readonly Token[],
  offsets: readonly number[],
): ExpressionProblem {
  if (!(error instanceof ExpressionError)) throw error;
  const index = tokens.findIndex(
    ({ range }) => range.start.line === error.pos.line && range.start.column === error.pos.column,
  );
  const lexeme = tokens[index]?.lexeme ?? '';
  const said = error.message.replace(/: '.*$/s, '');
  const what =
    lexeme === ''
      ? 'the expression ends too early'
      : `${said.charAt(0).toLowerCase()}${said.slice(1)} at "${lexeme}" in the expression`;
  return {
    what,
    fix: fixFor(text),
    offset: Math.min(offsets[index] ?? 0, Math.max(0, text.trimEnd().length - 1)),
    length: Math.max(1, lexeme.length),
  };
}

/** Only white space stands between tokens, so each is found at the next place where its text occurs. */
function offsetsOf(tokens: readonly Token[], text: string): number[] {
  let cursor = 0;
  return tokens.map(({ lexeme }) => {
    const offset = text.indexOf(lexeme, cursor);
    cursor = offset + lexeme.length;
    return offset;
  });
}

/** A function or context that is not offered, with what to write instead. */
function foreignName(
  tokens: readonly Token[],
  offsets: readonly number[],
): ExpressionProblem | undefined {
  for (const [index, token] of tokens.entries()) {
    if (token.type !== TokenType.IDENTIFIER || tokens[index - 1]?.type === TokenType.DOT) continue;
    const isCall = tokens[index + 1]?.type === TokenType.LEFT_PAREN;
    const known: readonly string[] = isCall ? FUNCTION_NAMES : CONTEXT_NAMES;
    const name = token.lexeme.toLowerCase();
    if (known.some((each) => each.toLowerCase() === name)) continue;
    const foreign = isCall ? FOREIGN_FUNCTIONS : FOREIGN_CONTEXTS;
    const place = { offset: offsets[index] ?? 0, length: token.lexeme.length };
    const what = isCall
      ? `unknown function "${token.lexeme}()"`
      : `unknown name "${token.lexeme}" in the expression`;
    const near = closestMatch(token.lexeme, known);
    const offered = `${isCall ? 'functions are' : 'names are'} ${joinWords(known, 'and')}`;
    const help = Object.hasOwn(foreign, name) ? foreign[name] : undefined;
    return {
      ...place,
      what,
      fix: help ?? (near === undefined ? offered : `did you mean "${near}"?`),
    };
  }
  return undefined;
}

function referencesIn(tokens: readonly Token[], offsets: readonly number[]): Reference[] {
  const references: Reference[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.type !== TokenType.IDENTIFIER || tokens[index - 1]?.type === TokenType.DOT) continue;
    if (tokens[index + 1]?.type === TokenType.LEFT_PAREN) continue;
    const { path, last } = pathAfter(tokens, index);
    const offset = offsets[index] ?? 0;
    const end = (offsets[last] ?? offset) + (tokens[last]?.lexeme.length ?? 0);
    references.push({
      context: token.lexeme.toLowerCase() as ContextName,
      path,
      offset,
      length: end - offset,
    });
  }
  return references;
}

/** The names written out after a context: `.name` and `['name']`, until anything else. */
function pathAfter(tokens: readonly Token[], start: number): { path: string[]; last: number } {
  const path: string[] = [];
  let last = start;
  for (;;) {
    const [first, second, third] = tokens.slice(last + 1, last + 4);
    if (first?.type === TokenType.DOT && second?.type === TokenType.IDENTIFIER) {
      path.push(second.lexeme);
      last += 2;
    } else if (
      first?.type === TokenType.LEFT_BRACKET &&
      second?.type === TokenType.STRING &&
      third?.type === TokenType.RIGHT_BRACKET
    ) {
      path.push(String(second.value));
      last += 3;
    } else return { path, last };
  }
}
