/** The work of `orch persona`. */
import { join } from 'node:path';
import { OrchError } from '../../base/errors.ts';
import { stripControl } from '../../base/text.ts';
import {
  type FoundPersona,
  findPersonas,
  PROJECT_PERSONAS,
  personaNamed,
} from '../../engine/find-personas.ts';
import type { CliContext } from '../context.ts';
import { openProject, personaPlaces } from '../open-project.ts';
import { renderTable } from '../table.ts';

export async function listPersonas(context: CliContext): Promise<void> {
  const { found } = await open(context);
  const rows = found.personas.map(({ name, source, description }) => [
    name,
    source,
    stripControl(description),
  ]);
  const text = context.json
    ? ''
    : await renderTable(context, ['name', 'source', 'description'], rows);
  context.printResult(
    () => ({ personas: found.personas.map(describe), problems: found.problems }),
    () => text,
  );
  if (!context.json)
    for (const { message } of found.problems) context.note(`not usable: ${message}`);
}

export async function showPersona(context: CliContext, name: string): Promise<void> {
  const { found } = await open(context);
  const persona = personaNamed(found, name);
  context.printResult(
    () => ({ ...describe(persona), prompt: persona.prompt }),
    () => persona.prompt,
  );
}

export async function addPersona(
  context: CliContext,
  name: string,
  from: string | undefined,
): Promise<void> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
    throw new OrchError('ORCH_USAGE', `${JSON.stringify(name)} is no name for a persona`, {
      fix: 'use lower case letters, digits and "-", at most 63',
    });
  }
  const { ports, root, found } = await open(context);
  const model = from === undefined ? findByName(found.personas, name) : personaNamed(found, from);
  const file = `${PROJECT_PERSONAS}/${name}.md`;
  refuseLinks(ports.files.linkTarget, root);
  ports.files.makeFolder(join(root, PROJECT_PERSONAS));
  if (!ports.files.createExclusive(join(root, file), textOf(name, model))) {
    throw new OrchError('ORCH_PERSONA_EXISTS', `${file} is there already`, {
      fix: `edit it, or: orch persona add ${name}-2 --from ${name}`,
    });
  }
  context.printResult(
    () => ({ name, file, from: model === undefined ? null : model.name }),
    () => `wrote ${file}\nuse it in a step: persona: ${name}`,
  );
}

async function open(context: CliContext) {
  const { ports, git } = await openProject(context);
  const root = git.repository.worktree;
  return { ports, root, found: findPersonas(ports.files, personaPlaces(context, root)) };
}

function findByName(personas: readonly FoundPersona[], name: string): FoundPersona | undefined {
  return personas.find((persona) => persona.name === name);
}

function refuseLinks(linkTarget: (path: string) => string | undefined, root: string): void {
  for (const folder of ['.orch', PROJECT_PERSONAS]) {
    if (linkTarget(join(root, folder)) === undefined) continue;
    throw new OrchError(
      'ORCH_USAGE',
      `${folder} is a symbolic link, and orch writes through none`,
      {
        fix: 'make it a folder',
      },
    );
  }
}

function describe({ name, description, source, file, model, tools, shadows }: FoundPersona) {
  return {
    name,
    description,
    source,
    file,
    ...(model !== undefined && { model }),
    ...(tools && { tools }),
    shadows,
  };
}

function textOf(name: string, model: FoundPersona | undefined): string {
  const description = model?.description ?? 'When this persona is the right one.';
  const lines = [
    '---',
    `name: ${name}`,
    `description: ${JSON.stringify(description)}`,
    ...(model?.model === undefined ? [] : [`model: ${JSON.stringify(model.model)}`]),
    ...(model?.tools === undefined ? [] : [`tools: ${model.tools.join(', ')}`]),
    '---',
    model?.prompt ?? OUTLINE,
  ];
  return `${lines.join('\n')}\n`;
}

const OUTLINE = `You are ... Say in one sentence who the agent is.

How you work:

1. What comes first.
2. What comes next, and how it is checked.

What you deliver: files and their places. Your last message is a summary for the next step.

You never ... Say what it must not do.`;
