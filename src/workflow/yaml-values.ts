/**
 * The YAML tree as plain values with their places: keys twice in a map, aliases that explode or run in
 * circles and `__proto__` end here. Nesting is bounded before (source.ts), so recursion is safe.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import {
  type ContainerPlaces,
  emptyMap,
  type Finding,
  type Plain,
  type SourceFile,
  type Span,
  setPlaces,
} from './places.ts';

/** Values an aliased file may hold once every alias is written out. */
const MAX_ALIASED_VALUES = 100_000;

export function unreadable(source: SourceFile, what: string, offset: number): Finding {
  const fix = 'write a plain YAML file by hand, or have it generated smaller and flatter';
  return {
    code: 'ORCH_FILE_UNREADABLE',
    what,
    fix,
    span: { source, start: offset, end: offset + 1 },
  };
}

/** Turns the YAML tree into plain values, each anchor once, and notes what cannot be. */
export class ValueReader {
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
    if (isScalar(node)) {
      this.#refuseNul(node.value, node);
      return this.#anchored(node.anchor, this.#scalar(node.value, node.source), 1);
    }
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

  /** Only "\0" in double quotes gets here. Refused wherever it stands: no script, name or value can use one. */
  #refuseNul(text: unknown, node: unknown): void {
    if (typeof text !== 'string' || !text.includes('\0')) return;
    this.findings.push({
      code: 'ORCH_INVALID_VALUE',
      what: 'the text holds a NUL character',
      fix: 'remove it: no command line or environment can carry one',
      span: spanOfNode(this.#source, node),
    });
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
      this.#refuseNul(key, pair.key);
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
