/**
 * The plan as a graph: Mermaid, DOT, or JSON for other tools. Waves are boxes. A matrix and a nested
 * workflow are drawn as the joins they are, so the number of edges stays that of the file.
 *
 * Ids and names are data of strangers: nodes are called n0, n1, ... and every label is escaped, so no
 * label can end its quotes and begin to mean something.
 */
import { stripControl } from '../base/text.ts';
import { isLeaf } from '../plan/graph.ts';
import type { Plan, PlanNode } from '../plan/plan.ts';

export type GraphFormat = 'mermaid' | 'dot' | 'json';

export interface GraphNode {
  /** `n3`, or `n3s` for where a nested workflow starts. */
  readonly key: string;
  readonly label: string;
  /** `join` where a matrix has ended, `start` and `end` of a nested workflow. */
  readonly shape: 'step' | 'dynamic' | 'join' | 'start' | 'end';
  readonly critical: boolean;
  /** Absent for what lies between waves. */
  readonly wave?: number;
}

export interface PlanGraph {
  readonly nodes: readonly GraphNode[];
  /** From what is needed to what needs it. */
  readonly edges: readonly { readonly from: string; readonly to: string }[];
  readonly waves: readonly number[];
}

/** The text of the graph; ends with a line end. */
export function renderGraph(plan: Plan, format: GraphFormat): string {
  const graph = planGraph(plan);
  if (format === 'mermaid') return renderMermaid(graph);
  if (format === 'dot') return renderDot(graph, plan.workflow);
  return `${JSON.stringify({ workflow: plan.workflow, ...graph })}\n`;
}

export function planGraph({ nodes, waves }: Plan): PlanGraph {
  const neededBeside = new Set<number>();
  for (const { needs, parent } of nodes) {
    for (const need of needs) if (nodes[need]?.parent === parent) neededBeside.add(need);
  }
  const drawn: GraphNode[] = [];
  const edges: { from: string; to: string }[] = [];
  for (const node of nodes) {
    drawn.push(...drawNode(node));
    const to = startKey(node);
    for (const need of node.needs) edges.push({ from: `n${need}`, to });
    const parent = node.parent === undefined ? undefined : nodes[node.parent];
    if (parent === undefined) continue;
    const isFirst = !node.needs.some((need) => nodes[need]?.parent === node.parent);
    if (isFirst) edges.push({ from: startKey(parent), to });
    if (!neededBeside.has(node.index))
      edges.push({ from: `n${node.index}`, to: `n${parent.index}` });
  }
  const held = new Set(nodes.map(({ parent }) => parent));
  for (const node of nodes) {
    const isEmpty = node.kind === 'workflow' && !held.has(node.index);
    if (isEmpty) edges.push({ from: startKey(node), to: `n${node.index}` });
  }
  return { nodes: drawn, edges, waves: waves.map((wave) => wave.index) };
}

function startKey(node: PlanNode): string {
  return node.kind === 'workflow' ? `n${node.index}s` : `n${node.index}`;
}

function drawNode(node: PlanNode): GraphNode[] {
  const { index, id: label, critical, wave } = node;
  const key = `n${index}`;
  if (isLeaf(node)) {
    const shape = node.kind === 'dynamic' ? 'dynamic' : 'step';
    return [{ key, label, shape, critical, wave }];
  }
  if (node.kind === 'matrix') return [{ key, label, shape: 'join', critical }];
  return [
    { key: `${key}s`, label: `${label} starts`, shape: 'start', critical },
    { key, label: `${label} ends`, shape: 'end', critical },
  ];
}

const MERMAID_SHAPES: Readonly<Record<GraphNode['shape'], readonly [string, string]>> = {
  step: ['[', ']'],
  dynamic: ['[[', ']]'],
  join: ['{{', '}}'],
  start: ['([', '])'],
  end: ['([', '])'],
};

function renderMermaid({ nodes, edges, waves }: PlanGraph): string {
  const line = ({ key, label, shape }: GraphNode): string => {
    const [open, close] = MERMAID_SHAPES[shape];
    return `${key}${open}"${mermaidText(label)}"${close}`;
  };
  const lines = ['flowchart LR'];
  const byWave = groupByWave(nodes);
  for (const wave of waves) {
    lines.push(`  subgraph w${wave}["Wave ${wave}"]`);
    for (const node of byWave.get(wave) ?? []) lines.push(`    ${line(node)}`);
    lines.push('  end');
  }
  for (const node of byWave.get(undefined) ?? []) lines.push(`  ${line(node)}`);
  for (const { from, to } of edges) lines.push(`  ${from} --> ${to}`);
  const critical = nodes.filter((node) => node.critical).map((node) => node.key);
  if (critical.length > 0) {
    lines.push('  classDef critical stroke-width:3px', `  class ${critical.join()} critical`);
  }
  return `${lines.join('\n')}\n`;
}

/** Everything that Mermaid, Markdown or HTML could take as its own becomes Mermaid's `#code;`. */
function mermaidText(text: string): string {
  return oneLine(text).replace(
    /[^\p{L}\p{M}\p{N} ()/,.:=_+-]/gu,
    (character) => `#${character.codePointAt(0)};`,
  );
}

const DOT_SHAPES: Readonly<Record<GraphNode['shape'], string>> = {
  step: 'box',
  dynamic: 'box3d',
  join: 'hexagon',
  start: 'ellipse',
  end: 'ellipse',
};

function renderDot({ nodes, edges, waves }: PlanGraph, name: string): string {
  const line = ({ key, label, shape, critical }: GraphNode): string => {
    const bold = critical ? ', penwidth=3' : '';
    return `${key} [label="${dotText(label)}", shape=${DOT_SHAPES[shape]}${bold}];`;
  };
  const lines = [`digraph "${dotText(name)}" {`, '  rankdir=LR;'];
  const byWave = groupByWave(nodes);
  for (const wave of waves) {
    lines.push(`  subgraph cluster_w${wave} {`, `    label="Wave ${wave}";`);
    for (const node of byWave.get(wave) ?? []) lines.push(`    ${line(node)}`);
    lines.push('  }');
  }
  for (const node of byWave.get(undefined) ?? []) lines.push(`  ${line(node)}`);
  for (const { from, to } of edges) lines.push(`  ${from} -> ${to};`);
  return `${lines.join('\n')}\n}\n`;
}

function dotText(text: string): string {
  return oneLine(text).replace(/[\\"]/g, (character) => `\\${character}`);
}

function oneLine(text: string): string {
  return stripControl(text.replace(/\s+/g, ' '));
}

function groupByWave(nodes: readonly GraphNode[]): Map<number | undefined, GraphNode[]> {
  const groups = new Map<number | undefined, GraphNode[]>();
  for (const node of nodes) {
    const group = groups.get(node.wave);
    if (group === undefined) groups.set(node.wave, [node]);
    else group.push(node);
  }
  return groups;
}
