/**
 * A persona: who an agent should be. A Markdown file whose front matter is that of `.claude/agents/*.md`;
 * keys that orch does not know belong to other programs and are left alone.
 */
import * as z from 'zod';
import { findingsToError } from '../workflow/diagnostics.ts';
import { emptyMap, type Finding } from '../workflow/places.ts';
import { checkSchema } from '../workflow/schema-issues.ts';
import { optional, required, Words, wantedWords } from '../workflow/schema-parts.ts';
import { readSource } from '../workflow/source.ts';

const ToolsSchema = z
  .union([z.string(), z.array(z.string())])
  .register(wantedWords, { wanted: 'names of tools, separated by commas' });

const PersonaSchema = z.looseObject({
  name: optional(Words, 'Name of the persona; that of its file when absent.', {
    example: 'reviewer',
  }),
  description: required(Words, 'When it is the right one.', { example: 'Reviews a change.' }),
  model: optional(Words, 'The model, in the words of the agent program.', { example: 'opus' }),
  tools: optional(ToolsSchema, 'Tools that the agent may use.', { example: 'Read, Grep' }),
});

/** What a run freezes of a persona. */
export interface Persona {
  readonly name: string;
  readonly description: string;
  readonly model?: string;
  readonly tools?: readonly string[];
  /** What the agent is told. */
  readonly prompt: string;
}

/** Names of files, and of personas in them. */
export const PERSONA_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** @param file as people know it @throws InvalidFileError with every mistake at once */
export function parsePersona(text: string, file: string): Persona {
  const { head, body } = splitFrontMatter(text);
  const { value, source, findings: found } = readSource(head, file);
  const findings: Finding[] = [...found];
  const report = (what: string, fix: string, start: number) =>
    findings.push({
      code: 'ORCH_MISSING_KEY',
      what,
      fix,
      span: { source: { ...source, text }, start, end: start + 1 },
    });
  const root = value === null ? emptyMap() : value;
  const typed = root === undefined ? undefined : checkSchema(PersonaSchema, root, source, findings);
  if (findings.length === 0 && head === '')
    report('a persona begins with its front matter', 'begin with: ---, description: ..., ---', 0);
  if (findings.length === 0 && body.trim() === '')
    report('the persona says nothing', 'write below the front matter who the agent should be', 0);
  if (typed === undefined || findings.length > 0) throw findingsToError(findings);
  const { name, description, model, tools } = typed;
  const list = typeof tools === 'string' ? tools.split(',') : tools;
  const named = list?.map((tool) => tool.trim()).filter(Boolean);
  return {
    name: name ?? nameOfFile(file),
    description: description.replace(/\s+/g, ' ').trim(),
    ...(model !== undefined && model !== 'inherit' && { model }),
    ...(named && named.length > 0 && { tools: named }),
    prompt: body.trim(),
  };
}

/** `.orch/personas/reviewer.md` -> `reviewer` */
export function nameOfFile(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1).replace(/\.md$/i, '');
}

/** The head keeps its first line of dashes, which YAML takes for the start of a document. */
function splitFrontMatter(text: string): { readonly head: string; readonly body: string } {
  const found = /^\ufeff?---[ \t]*\r?\n(?:[\s\S]*?\r?\n)?(?=---[ \t]*(?:\r?\n|$))/.exec(text);
  if (found === null) return { head: '', body: text };
  const [head] = found;
  return { head, body: text.slice(head.length).replace(/^---[ \t]*(?:\r?\n|$)/, '') };
}
