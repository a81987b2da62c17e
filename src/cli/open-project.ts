/** What most commands need first: the ports, the repository, and where the user's own files are. */
import { join } from 'node:path';
import type { PersonaPlaces } from '../engine/find-personas.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { CliContext } from './context.ts';

export interface Project {
  readonly ports: Ports;
  readonly git: GitPort;
  readonly commonDir: string;
}

/** @throws OrchError when the folder is in no repository that orch can work on */
export async function openProject(context: CliContext): Promise<Project> {
  const ports = await context.loadPorts();
  const git = await ports.openGit(context.cwd);
  return { ports, git, commonDir: git.repository.commonDir };
}

/** Folders of templates beside the project's own, in the order in which they are asked. */
export function templateFolders(context: CliContext): {
  readonly userTemplates: string;
  readonly builtInTemplates: string;
} {
  const config = context.env['XDG_CONFIG_HOME'] || join(context.env['HOME'] ?? '/', '.config');
  return {
    userTemplates: join(config, 'orch/templates'),
    builtInTemplates: join(context.packageRoot, 'templates/workflows'),
  };
}

/** Where personas are, for a work tree. */
export function personaPlaces(context: CliContext, root: string): PersonaPlaces {
  return { root, builtIn: join(context.packageRoot, 'templates/personas') };
}

/** The environment of this process: what has a value. */
export function definedEnvironment(context: CliContext): Record<string, string> {
  const entries = Object.entries(context.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}
