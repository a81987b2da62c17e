/**
 * From a file's name to a Workflow: reads it, lays it over its templates, checks the whole, does the
 * same for every workflow nested in it, and puts the steps together under full ids.
 *
 * Reading is passed in, so this decides nothing about disks. All mistakes of all files are found in
 * one go, each pointing into the file where the bad text stands.
 */
import { OrchError, type SourceSpot } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import { checkWorkflow } from './check.ts';
import { type Config, DEFAULT_CONFIG } from './config-schema.ts';
import { findingsToError } from './diagnostics.ts';
import { type Draft, valueSpan } from './draft.ts';
import { mergeTemplate, orderSteps, pickKeys } from './extends.ts';
import { assemble } from './nested.ts';
import {
  emptyMap,
  type Finding,
  isPlainMap,
  type PlainMap,
  placesOf,
  type SourceFile,
  spotOf,
} from './places.ts';
import { type Located, locateEntry, resolveReference } from './references.ts';
import { WorkflowSchema } from './schema.ts';
import { checkSchema, valueAt } from './schema-issues.ts';
import type { Path } from './schema-walk.ts';
import { type ReadSource, readSource } from './source.ts';
import type { Workflow } from './workflow.ts';

export interface LoadRequest {
  /** Relative to the repository's top where it lies inside, else absolute. */
  readonly file: string;
  /** The text of a file, named as `file` is; undefined when there is none. */
  readonly read: (path: string) => string | undefined;
  /** Where `extends` looks names up, first wins. Default: `.orch/templates`. */
  readonly templateFolders?: readonly string[];
  /** Where nested workflows are looked up by name. Default: `.orch/workflows`, then the templates. */
  readonly workflowFolders?: readonly string[];
  /** Settings for workflows that say nothing themselves. */
  readonly config?: Config;
  /** Names a workflow's `strategy` may have; any name when absent. */
  readonly strategies?: readonly string[];
}

export interface LoadedWorkflow {
  readonly workflow: Workflow;
  /** Every file that was read for it, the workflow first. */
  readonly files: readonly string[];
  /** Where the value at a path of the merged workflow file was written; undefined for defaults. */
  readonly originOf: (path: Path) => SourceSpot | undefined;
}

const MAX_CHAIN = 20;
const WORKFLOW_FOLDERS = ['.orch/workflows'];
const TEMPLATE_FOLDERS = ['.orch/templates'];

/**
 * Loads a workflow.
 * @throws OrchError ORCH_FILE_NOT_FOUND
 * @throws InvalidFileError with every mistake of every file
 */
export function loadWorkflow(request: LoadRequest): LoadedWorkflow {
  const loader = new Loader(request);
  const entry = locateEntry(request.file);
  if (loader.sourceOf(entry.file) === undefined) {
    const fix = 'check the path, or see the workflows there are with `orch list --workflows`';
    throw new OrchError('ORCH_FILE_NOT_FOUND', `the workflow file ${request.file} does not exist`, {
      fix,
    });
  }
  const draft = loader.draftOf(entry, []);
  const workflow =
    draft && loader.findings.length === 0
      ? assemble(draft, request.config ?? DEFAULT_CONFIG, loader.findings)
      : undefined;
  if (draft === undefined || workflow === undefined || loader.findings.length > 0)
    throw findingsToError(loader.findings);
  return { workflow, files: loader.files(), originOf: (path) => originIn(draft.root, path) };
}

function originIn(root: PlainMap, path: Path): SourceSpot | undefined {
  const last = path.at(-1);
  const container = valueAt(root, path.slice(0, -1));
  const places = placesOf(container);
  const span = last === undefined ? places?.self : (places?.key(last) ?? places?.value(last));
  return span === undefined ? undefined : spotOf(span);
}

class Loader {
  readonly findings: Finding[] = [];
  readonly #request: LoadRequest;
  readonly #sources = new Map<string, ReadSource | undefined>();
  readonly #drafts = new Map<string, Draft | undefined>();

  constructor(request: LoadRequest) {
    this.#request = request;
  }

  files(): string[] {
    return [...this.#sources].flatMap(([file, read]) => (read === undefined ? [] : [file]));
  }

  sourceOf(file: string): ReadSource | undefined {
    if (!this.#sources.has(file)) {
      const text = this.#request.read(file);
      const read = text === undefined ? undefined : readSource(text, file);
      this.#sources.set(file, read);
      if (read !== undefined) this.findings.push(...read.findings);
    }
    return this.#sources.get(file);
  }

  /** @param chain files that nest this one, outermost first */
  draftOf(located: Located, chain: readonly string[]): Draft | undefined {
    if (this.#drafts.has(located.file)) return this.#drafts.get(located.file);
    const draft = this.#makeDraft(located, chain);
    this.#drafts.set(located.file, draft);
    return draft;
  }

  #makeDraft(located: Located, chain: readonly string[]): Draft | undefined {
    const merged = this.#merge(located, []);
    const source = this.sourceOf(located.file)?.source;
    if (merged === undefined || source === undefined) return undefined;
    const root = orderSteps(merged, (finding) => void this.findings.push(finding), closestMatch);
    const file = checkSchema(WorkflowSchema, root, source, this.findings);
    checkWorkflow(root, source, this.findings);
    this.#checkStrategy(root);
    const draft: Draft = { source, located, root, file, nested: new Map() };
    this.#loadNested(draft, [...chain, located.file]);
    return draft;
  }

  /** The file over its templates; undefined when the file cannot be read, and then that was reported. */
  #merge(located: Located, chain: readonly string[]): PlainMap | undefined {
    const read = this.sourceOf(located.file);
    if (read?.value === undefined) return undefined;
    if (!isPlainMap(read.value)) {
      // An empty file is a map without its keys; anything else is not a workflow at all.
      if (read.value === null && chain.length === 0) return this.#emptyFile(read.source);
      checkSchema(WorkflowSchema, read.value, read.source, this.findings);
      return undefined;
    }
    const { extends: reference } = read.value;
    if (typeof reference !== 'string' || reference.trim() === '') return read.value;
    const span = valueSpan(read.value, 'extends', { source: read.source, start: 0, end: 1 });
    const result = this.#resolve(
      reference,
      located,
      this.#request.templateFolders ?? TEMPLATE_FOLDERS,
    );
    if (result.found === undefined) {
      this.findings.push({ code: 'ORCH_EXTENDS', what: result.what, fix: result.fix, span });
      return undefined;
    }
    const files = [...chain, located.file];
    if (files.includes(result.found.file) || files.length >= MAX_CHAIN) {
      const what = `templates extend each other in a circle: ${[...files.slice(files.indexOf(result.found.file)), result.found.file].join(' -> ')}`;
      this.findings.push({ code: 'ORCH_CYCLE', what, fix: 'remove this "extends"', span });
      return undefined;
    }
    const template = this.#merge(result.found, files);
    if (template === undefined) return undefined;
    this.#checkRemoved(template, read.value, read.source);
    const { value } = read;
    const own = pickKeys(
      value,
      Object.keys(value).filter((key) => key !== 'extends'),
    );
    return mergeTemplate(template, own) as PlainMap;
  }

  #emptyFile(source: SourceFile): PlainMap | undefined {
    const fix = 'begin with "steps:", or see `orch schema workflow`';
    this.findings.push({
      code: 'ORCH_MISSING_KEY',
      what: 'the file is empty',
      fix,
      span: { source, start: 0, end: 1 },
    });
    return undefined;
  }

  /** `steps.<id>: null` takes a step of the template away, so the template must have it. */
  #checkRemoved(template: PlainMap, child: PlainMap, source: SourceFile): void {
    const before = isPlainMap(template['steps']) ? template['steps'] : emptyMap();
    const steps = isPlainMap(child['steps']) ? child['steps'] : emptyMap();
    for (const [id, step] of Object.entries(steps)) {
      if (step !== null || id in before) continue;
      const near = closestMatch(id, Object.keys(before));
      const fix = near === undefined ? 'remove the line' : `did you mean "${near}"?`;
      const span = placesOf(steps)?.key(id) ?? { source, start: 0, end: 1 };
      this.findings.push({
        code: 'ORCH_UNKNOWN_STEP',
        what: `the template has no step "${id}" to remove`,
        fix,
        span,
      });
    }
  }

  #resolve(
    reference: string,
    from: Located,
    folders: readonly string[],
  ): ReturnType<typeof resolveReference> {
    return resolveReference({
      reference,
      from,
      folders,
      exists: (path) => this.sourceOf(path) !== undefined,
    });
  }

  #loadNested(draft: Draft, chain: readonly string[]): void {
    const { steps } = draft.root;
    if (!isPlainMap(steps)) return;
    const folders = [
      ...(this.#request.workflowFolders ?? WORKFLOW_FOLDERS),
      ...(this.#request.templateFolders ?? TEMPLATE_FOLDERS),
    ];
    for (const [id, step] of Object.entries(steps)) {
      if (
        !isPlainMap(step) ||
        typeof step['workflow'] !== 'string' ||
        step['workflow'].includes('${{')
      )
        continue;
      const span = valueSpan(step, 'workflow', { source: draft.source, start: 0, end: 1 });
      const result = this.#resolve(step['workflow'], draft.located, folders);
      if (result.found === undefined) {
        this.findings.push({ code: 'ORCH_NESTED', what: result.what, fix: result.fix, span });
      } else if (chain.includes(result.found.file) || chain.length >= MAX_CHAIN) {
        const circle = [
          ...chain.slice(Math.max(0, chain.indexOf(result.found.file))),
          result.found.file,
        ];
        const what = `workflows nest each other in a circle: ${circle.join(' -> ')}`;
        this.findings.push({ code: 'ORCH_CYCLE', what, fix: 'remove this step', span });
      } else {
        const nested = this.draftOf(result.found, chain);
        if (nested !== undefined) draft.nested.set(id, nested);
      }
    }
  }

  #checkStrategy(root: PlainMap): void {
    const { strategies } = this.#request;
    const { strategy } = root;
    if (strategies === undefined || typeof strategy !== 'string' || strategies.includes(strategy))
      return;
    const near = closestMatch(strategy, strategies);
    const fix =
      near === undefined
        ? `write one of ${strategies.join(', ')}, or define it in .orch/config.yaml`
        : `did you mean "${near}"?`;
    const span = valueSpan(root, 'strategy', placesOf(root)?.self as never);
    this.findings.push({
      code: 'ORCH_INVALID_VALUE',
      what: `the strategy "${strategy}" is not defined`,
      fix,
      span,
    });
  }
}
