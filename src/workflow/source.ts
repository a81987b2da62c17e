/**
 * One YAML file as plain values that know where they came from.
 *
 * Everything a hostile or broken file can do is dealt with here, so that the rooms behind see only
 * maps without a prototype, lists, texts, numbers, booleans and null: bytes that are no text, files
 * too large, nesting too deep, aliases that explode or run in circles, keys twice in a map, tags, and
 * `__proto__`. What the values mean is schema.ts's business.
 */
import { Composer, type CST, type Document, Parser, YAMLParseError } from 'yaml';
import { type Finding, lineStartsOf, type Plain, type SourceFile } from './places.ts';
import { unreadable, ValueReader } from './yaml-values.ts';

export interface ReadSource {
  readonly source: SourceFile;
  /** Undefined when the file could not be read far enough to be worth checking. */
  readonly value: Plain | undefined;
  readonly findings: readonly Finding[];
}

/** Characters; 100,000 steps of the usual size fit. */
const MAX_FILE_CHARACTERS = 8 * 1024 * 1024;
const MAX_DEPTH = 64;
/** The parser goes on after a mistake and soon reports its own confusion. */
const MAX_SYNTAX_FINDINGS = 20;
const NOT_TEXT = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** Reads one file. Never throws: whatever is wrong becomes a finding. */
export function readSource(rawText: string, file: string): ReadSource {
  const text = rawText.startsWith('\ufeff') ? rawText.slice(1) : rawText;
  const source: SourceFile = { file, text, lineStarts: lineStartsOf(text) };
  const refusal = refuse(source);
  if (refusal !== undefined) return { source, value: undefined, findings: [refusal] };
  const tokens = [...new Parser().parse(text)];
  const tooDeepAt = offsetOfTooDeep(tokens);
  if (tooDeepAt !== undefined) {
    const what = `the file is nested more than ${MAX_DEPTH} levels deep`;
    return { source, value: undefined, findings: [unreadable(source, what, tooDeepAt)] };
  }
  const document = composeOne(tokens, text.length);
  const syntax = syntaxFindings(document, source);
  if (syntax.length > 0) return { source, value: undefined, findings: syntax };
  const reader = new ValueReader(source);
  const value = reader.read(document);
  return { source, value, findings: reader.findings };
}

/**
 * Looked at before anything recurses: composing a tree a few thousand levels deep ends the whole
 * process when V8 has to compile a regular expression on what is left of the stack.
 */
function offsetOfTooDeep(tokens: readonly CST.Token[]): number | undefined {
  const open: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === 'document' && token.value) open.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      if (key) open.push({ token: key, depth: depth + 1 });
      if (value) open.push({ token: value, depth: depth + 1 });
    }
  }
  return undefined;
}

function composeOne(tokens: Iterable<CST.Token>, endOffset: number): Document.Parsed {
  const composer = new Composer({
    schema: 'core',
    merge: false,
    stringKeys: true,
    uniqueKeys: false, // Quadratic there, and without the rival's place.
    prettyErrors: false,
    logLevel: 'silent',
  });
  const [first, second] = composer.compose(tokens, true, endOffset);
  if (first === undefined) throw new Error('composing always gives a document');
  if (second !== undefined) {
    const start = second.range[0];
    first.errors.push(new YAMLParseError([start, start + 1], 'MULTIPLE_DOCS', 'several documents'));
  }
  return first;
}

/** What is wrong with the text before it is worth parsing. */
function refuse(source: SourceFile): Finding | undefined {
  const { text } = source;
  if (text.length > MAX_FILE_CHARACTERS) {
    return unreadable(
      source,
      `the file has ${text.length} characters; at most ${MAX_FILE_CHARACTERS} are read`,
      0,
    );
  }
  const offset = text.search(NOT_TEXT);
  if (offset < 0) return undefined;
  const code = text.charCodeAt(offset).toString(16).toUpperCase().padStart(4, '0');
  const finding = unreadable(
    source,
    `a control character (U+${code}) stands in the file; it is not a text file`,
    offset,
  );
  return { ...finding, fix: 'remove the character, or save the file as UTF-8 text' };
}

function syntaxFindings(document: Document.Parsed, source: SourceFile): Finding[] {
  return [...document.errors, ...document.warnings].slice(0, MAX_SYNTAX_FINDINGS).map((error) => {
    const [start, end] = error.pos;
    const span = { source, start, end: Math.max(end, start + 1) };
    const { what, fix } = explainSyntax(error.code, error.message);
    return { code: 'ORCH_YAML_SYNTAX', what, fix, span };
  });
}

const SYNTAX_HELP: Readonly<Record<string, { what?: string; fix: string }>> = {
  BAD_INDENT: { fix: 'line the key up with its neighbours' },
  TAB_AS_INDENT: { fix: 'indent with spaces' },
  MISSING_CHAR: { fix: 'add the missing character, or put the text in quotes' },
  MULTIPLE_DOCS: {
    what: 'the file holds more than one YAML document',
    fix: 'remove the "---" line',
  },
  TAG_RESOLVE_FAILED: {
    what: 'YAML tags ("!name") are not supported',
    fix: 'remove the tag, or put the text in quotes',
  },
  NON_STRING_KEY: { what: 'a key must be plain text', fix: 'write the key as text' },
  RESOURCE_EXHAUSTION: { what: 'the file is nested too deeply', fix: 'write it flatter' },
  BLOCK_AS_IMPLICIT_KEY: { fix: 'put text that holds ": " in quotes' },
  UNEXPECTED_TOKEN: { fix: 'put text with special characters in quotes' },
  BAD_SCALAR_START: { fix: 'put the text in quotes' },
};

function explainSyntax(code: string, message: string): { what: string; fix: string } {
  const help = SYNTAX_HELP[code];
  const text = message.charAt(0).toLowerCase() + message.slice(1).replace(/\s+/g, ' ');
  return {
    what: help?.what ?? `not valid YAML: ${text}`,
    fix: help?.fix ?? 'check the indentation, and put text with special characters in quotes',
  };
}
