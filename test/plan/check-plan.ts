/** What must hold for every plan, whatever the workflow; each expectation is one law. */
import { expect } from 'vitest';
import { flattenNeeds } from '../../src/plan/flatten-needs.ts';
import { isLeaf, takesSlot } from '../../src/plan/graph.ts';
import type { Plan, PlanNode } from '../../src/plan/plan.ts';
import type { Workflow } from '../../src/workflow/workflow.ts';

export function checkPlan(plan: Plan, workflow: Workflow): void {
  const leaves = plan.nodes.filter(isLeaf);
  const nodeOf = new Map(leaves.map((node) => [node.id, node]));
  const needs = flattenNeeds(plan);
  checkWaves(plan, leaves);
  for (const node of leaves) {
    for (const need of needs.get(node.id) ?? []) {
      const before = nodeOf.get(need);
      expect(before?.wave, `${need} before ${node.id}`).toBeLessThanOrEqual(node.wave);
      expect(before?.endMs, `${need} before ${node.id}`).toBeLessThanOrEqual(node.startMs);
    }
  }
  checkHolders(plan);
  checkResources(plan, leaves, workflow.pools);
  checkTimes(plan, leaves);
  checkCriticalPath(plan, leaves, needs, nodeOf);
}

function checkWaves(plan: Plan, leaves: readonly PlanNode[]): void {
  const listed = plan.waves.flatMap((wave) => wave.steps);
  expect([...listed].sort()).toEqual(leaves.map(({ id }) => id).sort());
  for (const wave of plan.waves) {
    const members = leaves.filter((node) => node.wave === wave.index);
    expect(wave.steps.length).toBeGreaterThan(0);
    expect([...wave.steps].sort()).toEqual(members.map(({ id }) => id).sort());
    expect(wave.startMs).toBe(Math.min(...members.map((node) => node.startMs)));
    expect(wave.endMs).toBe(Math.max(...members.map((node) => node.endMs)));
    const earlier = leaves.filter((node) => node.wave < wave.index);
    if (plan.workspace === 'isolated') continue;
    for (const node of earlier) expect(node.endMs).toBeLessThanOrEqual(wave.startMs);
  }
}

function checkHolders(plan: Plan): void {
  for (const node of plan.nodes) {
    if (isLeaf(node)) continue;
    expect(node.estimateMs).toBe(0);
    const parts = plan.nodes.filter(
      ({ parent, matrixNode }) => matrixNode === node.index || parent === node.index,
    );
    for (const part of parts) {
      expect(part.wave).toBeLessThanOrEqual(node.wave);
      expect(part.startMs).toBeGreaterThanOrEqual(node.startMs);
      expect(part.endMs).toBeLessThanOrEqual(node.endMs);
    }
  }
}

function checkResources(
  plan: Plan,
  leaves: readonly PlanNode[],
  pools: Readonly<Record<string, number>>,
): void {
  const busy = leaves.filter((node) => takesSlot(node) && node.endMs > node.startMs);
  for (const { startMs } of busy) {
    const now = busy.filter((node) => node.startMs <= startMs && startMs < node.endMs);
    expect(now.length).toBeLessThanOrEqual(plan.concurrency);
    for (const [pool, size] of Object.entries(pools)) {
      const units = now.reduce((sum, node) => sum + (node.step.uses[pool] ?? 0), 0);
      expect(units).toBeLessThanOrEqual(size);
    }
  }
}

function checkTimes(plan: Plan, leaves: readonly PlanNode[]): void {
  const total = leaves.reduce((sum, node) => sum + node.estimateMs, 0);
  const waits = leaves.filter((node) => !takesSlot(node));
  const waited = waits.reduce((sum, node) => sum + node.estimateMs, 0);
  expect(plan.workMs).toBe(total - waited);
  expect(plan.makespanMs).toBe(Math.max(0, ...leaves.map((node) => node.endMs)));
  expect(plan.makespanMs).toBeLessThanOrEqual(total);
  expect(plan.lowerBoundMs).toBe(Math.max(plan.criticalPathMs, plan.workMs / plan.concurrency));
  expect(plan.makespanMs).toBeGreaterThanOrEqual(plan.lowerBoundMs);
}

function checkCriticalPath(
  plan: Plan,
  leaves: readonly PlanNode[],
  needs: ReadonlyMap<string, readonly string[]>,
  nodeOf: ReadonlyMap<string, PlanNode>,
): void {
  const remainingAfter = new Map<string, number>();
  for (const node of leaves) {
    for (const need of needs.get(node.id) ?? []) {
      remainingAfter.set(need, Math.max(remainingAfter.get(need) ?? 0, node.remainingMs));
    }
  }
  for (const node of leaves) {
    expect(node.remainingMs).toBe(node.estimateMs + (remainingAfter.get(node.id) ?? 0));
  }
  const path = plan.criticalPath.map((id) => nodeOf.get(id));
  expect(path.reduce((sum, node) => sum + (node?.estimateMs ?? 0), 0)).toBe(plan.criticalPathMs);
  expect(plan.criticalPathMs).toBe(Math.max(0, ...leaves.map((node) => node.remainingMs)));
  expect(
    leaves
      .filter((node) => node.critical)
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...plan.criticalPath].sort());
  for (let place = 1; place < plan.criticalPath.length; place++) {
    const [before = '', after = ''] = plan.criticalPath.slice(place - 1, place + 1);
    expect(waitsFor(after, before, needs), `${after} waits for ${before}`).toBe(true);
  }
}

function waitsFor(
  id: string,
  other: string,
  needs: ReadonlyMap<string, readonly string[]>,
): boolean {
  const seen = new Set([id]);
  for (const at of seen) for (const need of needs.get(at) ?? []) seen.add(need);
  return seen.has(other);
}
