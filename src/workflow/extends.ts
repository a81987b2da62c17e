/**
 * Inheritance: a file laid over the template it extends, as plain values that still know their places.
 *
 * Maps are merged by key, and null takes a key away. Lists are replaced, except lists whose items have
 * a `name` (gates), which are merged by it. What the template has comes first, in its order; then what
 * is new. `insert_after` moves a step behind another one. Nothing is changed in place, so one template
 * serves many files.
 */
import { type Checker, mapAt, valueSpan } from './draft.ts';
import {
  type ContainerPlaces,
  emptyMap,
  isPlainMap,
  type Plain,
  type PlainMap,
  placesOf,
  type Span,
  setPlaces,
} from './places.ts';

type Container = PlainMap | Plain[];

/** Asks the containers that a merged one was made from. */
class MergedPlaces implements ContainerPlaces {
  readonly self: Span;
  readonly #origins: ReadonlyMap<string, { container: Container; key: string | number }>;

  constructor(
    self: Span,
    origins: ReadonlyMap<string, { container: Container; key: string | number }>,
  ) {
    this.self = self;
    this.#origins = origins;
  }

  key(key: string | number): Span | undefined {
    const origin = this.#origins.get(String(key));
    return origin && placesOf(origin.container)?.key(origin.key);
  }

  value(key: string | number): Span | undefined {
    const origin = this.#origins.get(String(key));
    return origin && placesOf(origin.container)?.value(origin.key);
  }
}

/** The child over its template. Both stay as they are. */
export function mergeTemplate(template: Plain, child: Plain): Plain {
  if (isPlainMap(template) && isPlainMap(child)) return mergeMaps(template, child);
  if (isNamedList(template) && isNamedList(child)) return mergeNamed(template, child);
  return child;
}

function mergeMaps(template: PlainMap, child: PlainMap): PlainMap {
  const merged = emptyMap();
  const origins = new Map<string, { container: Container; key: string | number }>();
  const put = (key: string, value: Plain, container: PlainMap): void => {
    merged[key] = value;
    origins.set(key, { container, key });
  };
  for (const [key, value] of Object.entries(template)) {
    const own = child[key];
    if (own === undefined) put(key, value, template);
    else if (own !== null) put(key, mergeTemplate(value, own), child);
  }
  for (const [key, value] of Object.entries(child)) if (!(key in template)) put(key, value, child);
  return placed(merged, origins, child, template);
}

function mergeNamed(template: readonly PlainMap[], child: readonly PlainMap[]): Plain[] {
  const merged: Plain[] = [];
  const origins = new Map<string, { container: Container; key: string | number }>();
  const put = (value: Plain, container: readonly PlainMap[], index: number): void => {
    origins.set(String(merged.length), { container: container as Plain[], key: index });
    merged.push(value);
  };
  // Of items with the same name the first ones belong together, then the second ones.
  const indicesOf = new Map<Plain | undefined, number[]>();
  for (const [index, { name }] of child.entries()) {
    const indices = indicesOf.get(name);
    if (indices === undefined) indicesOf.set(name, [index]);
    else indices.push(index);
  }
  const used = new Set<number>();
  for (const [index, item] of template.entries()) {
    const twin = indicesOf.get(item['name'])?.shift();
    const own = twin === undefined ? undefined : child[twin];
    if (twin === undefined || own === undefined) put(item, template, index);
    else {
      used.add(twin);
      put(mergeMaps(item, own), child, twin);
    }
  }
  for (const [index, item] of child.entries()) if (!used.has(index)) put(item, child, index);
  return placed(merged, origins, child as Plain[], template as Plain[]);
}

function placed<Merged extends Container>(
  merged: Merged,
  origins: ReadonlyMap<string, { container: Container; key: string | number }>,
  child: Container,
  template: Container,
): Merged {
  const self = placesOf(child)?.self ?? placesOf(template)?.self;
  if (self !== undefined) setPlaces(merged, new MergedPlaces(self, origins));
  return merged;
}

function isNamedList(value: Plain): value is PlainMap[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isPlainMap(item) && typeof item['name'] === 'string')
  );
}

/** A map with some of its keys, in a given order. */
export function pickKeys(map: PlainMap, keys: readonly string[]): PlainMap {
  const picked = emptyMap();
  for (const key of keys) picked[key] = map[key] ?? null;
  const origins = new Map(keys.map((key) => [key, { container: map, key }] as const));
  return placed(picked, origins, map, map);
}

/**
 * The file with its steps in the order that `insert_after` asks for: a step stands behind the one it
 * names, those that name the same one keep their order.
 * @param report is told of names that are not there and of steps behind each other
 */
export function orderSteps(
  root: PlainMap,
  report: Checker['report'],
  suggest: Checker['suggest'],
): PlainMap {
  const steps = mapAt(root, 'steps');
  const ids = Object.keys(steps);
  const anchorOf = new Map<string, string>();
  for (const id of ids) {
    const anchor = mapAt(steps, id)['insert_after'];
    if (typeof anchor !== 'string') continue;
    if (anchor in steps) anchorOf.set(id, anchor);
    else {
      const near = suggest(anchor, ids);
      const fix =
        near === undefined
          ? 'name a step of this workflow or its template'
          : `did you mean "${near}"?`;
      const span = valueSpan(mapAt(steps, id), 'insert_after', spanOfRoot(root));
      report({ code: 'ORCH_UNKNOWN_STEP', what: `step "${anchor}" is not defined`, fix, span });
    }
  }
  if (anchorOf.size === 0) return root;
  const followers = new Map<string, string[]>();
  for (const [id, anchor] of anchorOf) {
    const list = followers.get(anchor);
    if (list === undefined) followers.set(anchor, [id]);
    else list.push(id);
  }
  const ordered = new Set<string>();
  const open = ids.filter((id) => !anchorOf.has(id)).reverse();
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    ordered.add(id);
    for (const follower of (followers.get(id) ?? []).reverse()) open.push(follower);
  }
  const lost = ids.filter((id) => !ordered.has(id));
  const [first] = lost;
  if (first !== undefined) {
    const span = valueSpan(mapAt(steps, first), 'insert_after', spanOfRoot(root));
    const what = `steps stand behind each other: ${lost.slice(0, 10).join(', ')}`;
    report({ code: 'ORCH_CYCLE', what, fix: 'remove one insert_after', span });
  }
  const moved = pickKeys(steps, [...ordered, ...lost]);
  const merged = pickKeys(root, Object.keys(root));
  merged['steps'] = moved;
  return merged;
}

function spanOfRoot(root: PlainMap): Span {
  const span = placesOf(root)?.self;
  if (span === undefined) throw new Error('a file knows its place');
  return span;
}
