/**
 * The files that a repository begins with, as text: settings, the project for agents, the first
 * workflow, and the attribute that names the merge driver. What is said here must stay true of the
 * schema; tests load what is made.
 */
import { stripControl } from '../../base/text.ts';
import { flowText } from '../yaml-text.ts';
import type { Detected } from './detect-commands.ts';
import type { DetectedStep } from './offers.ts';

const SETTINGS = `# Settings of orch for this repository. All are optional; these are the defaults.
# Every key with its meaning: orch schema config

# concurrency: 4            # most steps at once, where a workflow does not say; default: CPU cores
# max_log: 64MB             # largest output file of one attempt

# checkpoint:
#   retention: 7d           # how long accepted runs are kept whole
#   max_file_size: 10MB     # larger files that git does not know yet are left out, and named

# defaults:                 # for steps that say nothing themselves
#   timeout: 20m
#   retry: { max_attempts: 2, backoff: 2s }

# strategies:               # beside the built-in ones
#   careful: { description: Small waves and every gate, wave_size: small, validation: strict }
`;

/** @param agents names of the agent programs that are there */
export function configText(agents: readonly string[]): string {
  return `${SETTINGS}\n${agents.length === 0 ? NO_AGENTS : agentsText(agents)}`;
}

const NO_AGENTS = `# agents:                   # a program that orch knows needs no entry: agent: claude
#   coder: { cli: codex, limits: { time: 30m, idle: 5m } }
#   script: { cli: exec, command: [./agent.sh] }   # any other: the prompt comes on standard input
`;

/** The first one is what \`agent: auto\` stands for. */
function agentsText(agents: readonly string[]): string {
  const lines = agents.map((agent) => `  ${agent}: { cli: ${agent}, limits: { idle: 10m } }`);
  return `# Agent programs as \`orch init\` found them. \`agent: auto\` in a workflow is the first one.
agents:
${lines.join('\n')}
`;
}

/** @param name of the project; anything */
export function projectText(name: string, { steps }: Detected): string {
  const title = oneLine(name) || 'This project';
  return `# ${title}

What agents and people should know before they change anything here.

## Goals

What this project is for, and for whom.

## Conventions

How things are done here: names, layout, style, what never to do.

## Checks

\`orch run check\` runs:

${steps.map(({ run }) => `- \`${run}\``).join('\n')}

## Current phase

What is being worked on now, and what comes next.
`;
}

export function workflowText({ steps, leftOut }: Detected): string {
  const lines = leftOut.map(({ command, why }) => `#   ${oneLine(`${command}: ${why}`)}\n`);
  return `# What this repository can check about itself, as \`orch init\` found it. It is yours: change it.
#   orch plan check     which steps run when
#   orch run check      runs it; every wave ends in a checkpoint
# A step with \`cache: true\` is skipped while nothing that it \`reads\` has changed.
${leftOut.length === 0 ? '' : `# Found and left out:\n${lines.join('')}`}name: check
description: What this repository can check about itself
fail_fast: false # all that is wrong, not only the first
${steps.some(({ from }) => from.includes('package.json')) ? 'env: { CI: "true" } # test runners end instead of watching\n' : ''}steps:
${steps.map(stepText).join('')}`;
}

function stepText({ id, run, needs, reads, from }: DetectedStep): string {
  const lines = [
    `  ${id}: # from ${oneLine(from)}`,
    ...(needs.length === 0 ? [] : [`    needs: ${flowText([...needs])}`]),
    `    run: ${flowText(run)}`,
    ...(reads.length === 0
      ? []
      : [`    reads: [${reads.map((glob) => JSON.stringify(glob)).join(', ')}]`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Names of folders may hold anything. */
function oneLine(text: string): string {
  return stripControl(text.replace(/\s+/g, ' ')).trim();
}

const MERGE_ATTRIBUTE = '.orch/** merge=orch';

/**
 * The merge attribute added to a .gitattributes, whose bytes stay as they are, whatever their encoding.
 * Without a driver of this name, git merges as text.
 * @param before undefined when there is no file
 * @returns undefined when the file says already how `.orch/**` is merged
 */
export function addMergeAttribute(before: Uint8Array | undefined): Uint8Array | undefined {
  const old = before ?? new Uint8Array();
  const text = new TextDecoder().decode(old);
  if (text.split(/\r?\n/).some(saysHowToMerge)) return undefined;
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const gap = text === '' || text.endsWith('\n') ? '' : end;
  const added = new TextEncoder().encode(`${gap}${MERGE_ATTRIBUTE}${end}`);
  const after = new Uint8Array(old.length + added.length);
  after.set(old);
  after.set(added, old.length);
  return after;
}

function saysHowToMerge(line: string): boolean {
  const [pattern, ...attributes] = line.trim().split(/\s+/);
  return pattern === '.orch/**' && attributes.some((each) => /^[-!]?merge(=|$)/.test(each));
}
