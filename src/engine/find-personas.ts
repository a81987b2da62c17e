/**
 * Personas by name: the project's own in `.orch/personas`, those of Claude Code in `.claude/agents`, and
 * the ones that come with orch. The first of a name wins.
 */
import { nameOfFile, PERSONA_NAME, type Persona, parsePersona } from '../agent/persona.ts';
import { OrchError } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import type { FilesPort } from '../ports/files.ts';

export type PersonaSource = 'project' | 'claude' | 'built-in';

export interface PersonaPlaces {
  /** Top of the work tree. */
  readonly root: string;
  /** Folder of the personas that come with orch. */
  readonly builtIn: string;
}

export interface FoundPersona extends Persona {
  readonly source: PersonaSource;
  /** As people know it; absolute for a built-in one. */
  readonly file: string;
  /** Of the same name, and hidden by this one. */
  readonly shadows: readonly PersonaSource[];
}

export interface PersonaProblem {
  readonly name: string;
  readonly file: string;
  readonly message: string;
}

export interface FoundPersonas {
  /** By name. */
  readonly personas: readonly FoundPersona[];
  readonly problems: readonly PersonaProblem[];
}

const MAX_BYTES = 256 * 1024;
export const PROJECT_PERSONAS = '.orch/personas';

export function findPersonas(files: FilesPort, places: PersonaPlaces): FoundPersonas {
  const byName = new Map<string, FoundPersona>();
  const problems: PersonaProblem[] = [];
  for (const { source, folder, shown } of foldersOf(places)) {
    const link = source === 'built-in' ? undefined : linkIn(files, places.root, shown);
    if (link !== undefined) {
      const message = `${link} is a symbolic link, and orch follows none to personas`;
      problems.push({ name: '', file: shown, message });
      continue;
    }
    for (const entry of files.list(folder)) {
      if (!/\.md$/i.test(entry) || isGuide(entry)) continue;
      const file = `${shown}/${entry}`;
      try {
        const persona = readPersona(files, `${folder}/${entry}`, file);
        const first = byName.get(persona.name);
        if (first) byName.set(persona.name, { ...first, shadows: [...first.shadows, source] });
        else byName.set(persona.name, { ...persona, source, file, shadows: [] });
      } catch (error) {
        if (!(error instanceof OrchError)) throw error;
        problems.push({ name: nameOfFile(entry), file, message: error.message });
      }
    }
  }
  const personas = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { personas, problems };
}

/** @throws OrchError ORCH_UNKNOWN_PERSONA; what is wrong with its file, when that is what it lacks */
export function personaNamed({ personas, problems }: FoundPersonas, name: string): FoundPersona {
  const found = personas.find((persona) => persona.name === name);
  if (found !== undefined) return found;
  const broken = problems.find((problem) => problem.name === name);
  if (broken !== undefined) {
    throw new OrchError(
      'ORCH_INVALID_PERSONA',
      `the persona "${name}" cannot be used: ${broken.message}`,
      {
        fix: `mend ${broken.file}`,
      },
    );
  }
  const near = closestMatch(
    name,
    personas.map((persona) => persona.name),
  );
  throw new OrchError('ORCH_UNKNOWN_PERSONA', `there is no persona "${name}"`, {
    fix: near === undefined ? 'orch persona list' : `did you mean "${near}"?`,
  });
}

function foldersOf({ root, builtIn }: PersonaPlaces) {
  return [
    { source: 'project', folder: `${root}/${PROJECT_PERSONAS}`, shown: PROJECT_PERSONAS },
    { source: 'claude', folder: `${root}/.claude/agents`, shown: '.claude/agents' },
    { source: 'built-in', folder: builtIn, shown: builtIn },
  ] as const;
}

/** The first folder of a path that is a link: it may lead anywhere. */
function linkIn(files: FilesPort, root: string, path: string): string | undefined {
  const parts = path.split('/');
  const folders = parts.map((_, nth) => parts.slice(0, nth + 1).join('/'));
  return folders.find((folder) => files.linkTarget(`${root}/${folder}`) !== undefined);
}

/** People put such a file into a folder to say what is in it. */
function isGuide(entry: string): boolean {
  return /^readme\.md$/i.test(entry);
}

/** A link may lead anywhere, and what it leads to would be sent to a model. */
function readPersona(files: FilesPort, path: string, file: string): Persona {
  const left = files.readLeft(path, MAX_BYTES);
  if (left === undefined || 'problem' in left) {
    const problem = left === undefined ? 'is gone' : left.problem;
    throw new OrchError('ORCH_INVALID_PERSONA', `${file} ${problem}`, {
      fix: 'put the text itself there',
    });
  }
  const persona = parsePersona(new TextDecoder().decode(left.bytes), file);
  if (PERSONA_NAME.test(persona.name)) return persona;
  throw new OrchError(
    'ORCH_INVALID_PERSONA',
    `${file}: ${JSON.stringify(persona.name)} is no name`,
    {
      fix: 'use letters, digits, ".", "-" and "_", at most 63',
    },
  );
}
