/**
 * One YAML file as plain values that know where they came from.
 *
 * Everything a hostile or broken file can do is dealt with here, so that the rooms behind see only
 * maps without a prototype, lists, texts, numbers, booleans and null: bytes that are no text, files
 * too large, nesting too deep, aliases that explode or run in circles, keys twice in a map, tags, and
 * `__proto__`. What the values mean is schema.ts's business.
 */
import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Parser,
  type YAMLMap,
  YAMLParseError,
  type YAMLSeq,
} from 'yaml';
import {
  type ContainerPlaces,
  emptyMap,
  type Finding,
  lineStartsOf,
  type Plain,
  type SourceFile,
  type Span,
  setPlaces,
} from './places.ts';

export interface ReadSource {
  readonly source: SourceFile;
  /** Undefined when the file could not be read far enough to be worth checking. */
  readonly value: Plain | undefined;
  readonly findings: readonly Finding[];
}

/** Characters; 100,000 steps of the usual size fit. */
export const MAX_FILE_CHARACTERS = 8 * 1024 * 1024;
const MAX_DEPTH = 64;
/** Values an aliased file may hold once every alias is written out. */
const MAX_ALIASED_VALUES = 100_000;
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
  const reader = new Reader(source);
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

function unreadable(source: SourceFile, what: string, offset: number): Finding {
  const fix = 'write a plain YAML file by hand, or have it generated smaller and flatter';
  return {
    code: 'ORCH_FILE_UNREADABLE',
    what,
    fix,
    span: { source, start: offset, end: offset + 1 },
  };
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

/** Turns the YAML tree into plain values, each anchor once, and notes what cannot be. */
class Reader {
  readonly findings: Finding[] = [];
  readonly #source: SourceFile;
  readonly #anchors = new Map<string, { value: Plain; size: number } | 'open'>();
  #aliasedValues = 0;

  constructor(source: SourceFile) {
    this.#source = source;
  }

  read(document: Document.Parsed): Plain | undefined {
    const { value } = this.#node(document.contents);
    // A broken alias leaves a hole, and checking around it would report the hole again.
    const gaveUp = this.findings.some(
      ({ code }) => code === 'ORCH_FILE_UNREADABLE' || code === 'ORCH_YAML_SYNTAX',
    );
    return gaveUp ? undefined : value;
  }

  /** @returns the value and how many values it holds with every alias written out */
  #node(node: unknown): { value: Plain; size: number } {
    if (isScalar(node))
      return this.#anchored(node.anchor, this.#scalar(node.value, node.source), 1);
    if (isAlias(node)) return this.#alias(node);
    if (!isMap(node) && !isSeq(node)) return { value: null, size: 1 };
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, 'open');
    const { value, size } = isMap(node) ? this.#map(node) : this.#list(node);
    return this.#anchored(node.anchor, value, size);
  }

  #anchored(
    anchor: string | undefined,
    value: Plain,
    size: number,
  ): { value: Plain; size: number } {
    const read = { value, size };
    if (anchor !== undefined) this.#anchors.set(anchor, read);
    return read;
  }

  #scalar(value: unknown, source: string | undefined): Plain {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') return value;
    return source ?? String(value);
  }

  #alias(node: Alias): { value: Plain; size: number } {
    const start = node.range?.[0] ?? 0;
    const anchor = this.#anchors.get(node.source);
    if (anchor === undefined || anchor === 'open') {
      const what =
        anchor === 'open'
          ? `the alias "*${node.source}" stands inside what it names`
          : `the alias "*${node.source}" has no anchor "&${node.source}" before it`;
      const span = { source: this.#source, start, end: node.range?.[1] ?? start + 1 };
      this.findings.push({ code: 'ORCH_YAML_SYNTAX', what, fix: 'write the value out', span });
      return { value: null, size: 1 };
    }
    this.#aliasedValues += anchor.size;
    if (this.#aliasedValues > MAX_ALIASED_VALUES) {
      this.#give(`aliases make the file hold more than ${MAX_ALIASED_VALUES} values`, start);
    }
    return anchor;
  }

  /** Only the first reason to stop is worth telling. */
  #give(what: string, offset: number): void {
    if (this.findings.some((finding) => finding.code === 'ORCH_FILE_UNREADABLE')) return;
    this.findings.push(unreadable(this.#source, what, offset));
  }

  #map(node: YAMLMap): { value: Plain; size: number } {
    const map = emptyMap();
    const pairs = new Map<string, { key: unknown; value: unknown }>();
    let size = 1;
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value ?? pair.key.source ?? '') : '';
      if (!this.#acceptsKey(key, pair.key, pairs)) continue;
      const read = this.#node(pair.value);
      map[key] = read.value;
      pairs.set(key, pair);
      size += read.size;
    }
    setPlaces(map, new NodePlaces(this.#source, node, (key) => pairs.get(String(key))));
    return { value: map, size };
  }

  #acceptsKey(key: string, node: unknown, pairs: Map<string, { key: unknown }>): boolean {
    const span = spanOfNode(this.#source, node);
    if (key === '__proto__') {
      const what = 'the key "__proto__" is not allowed';
      this.findings.push({ code: 'ORCH_UNKNOWN_KEY', what, fix: 'choose another name', span });
      return false;
    }
    const rival = pairs.get(key);
    if (rival === undefined) return true;
    this.findings.push({
      code: 'ORCH_DUPLICATE_KEY',
      what: `"${key}" is defined twice`,
      fix: 'rename or remove one of the two',
      span,
      related: [{ what: 'first defined here', span: spanOfNode(this.#source, rival.key) }],
    });
    return false;
  }

  #list(node: YAMLSeq): { value: Plain; size: number } {
    let size = 1;
    const list = node.items.map((item) => {
      const read = this.#node(item);
      size += read.size;
      return read.value;
    });
    setPlaces(
      list,
      new NodePlaces(this.#source, node, (key) => ({
        key: undefined,
        value: node.items[Number(key)],
      })),
    );
    return { value: list, size };
  }
}

function spanOfNode(source: SourceFile, node: unknown): Span {
  const range =
    isScalar(node) || isAlias(node) || isMap(node) || isSeq(node) ? node.range : undefined;
  const start = range?.[0] ?? 0;
  return { source, start, end: Math.max(range?.[1] ?? start, start + 1) };
}

class NodePlaces implements ContainerPlaces {
  readonly #source: SourceFile;
  readonly #node: YAMLMap | YAMLSeq;
  readonly #find: (key: string | number) => { key: unknown; value: unknown } | undefined;

  constructor(
    source: SourceFile,
    node: YAMLMap | YAMLSeq,
    find: (key: string | number) => { key: unknown; value: unknown } | undefined,
  ) {
    this.#source = source;
    this.#node = node;
    this.#find = find;
  }

  get self(): Span {
    return spanOfNode(this.#source, this.#node);
  }

  key(key: string | number): Span | undefined {
    const node = this.#find(key)?.key;
    return node === undefined ? undefined : spanOfNode(this.#source, node);
  }

  /** A value that was left empty is shown at its key. */
  value(key: string | number): Span | undefined {
    const pair = this.#find(key);
    const isEmpty = pair?.value === null || pair?.value === undefined || isEmptyScalar(pair.value);
    if (pair === undefined) return undefined;
    return isEmpty && pair.key !== undefined ? this.key(key) : spanOfNode(this.#source, pair.value);
  }
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === '';
}
