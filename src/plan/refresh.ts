/** What `--refresh` names: steps and gates whose cache entries are to be made anew. */
import { OrchError } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import type { Workflow } from '../workflow/workflow.ts';
import type { Plan, PlanNode } from './plan.ts';

/** One instance of a matrix by its own id, all of them by the id of the step. */
export function isNamed(names: readonly string[], { id, step }: PlanNode): boolean {
  return names.some((name) => name === id || name === step.id);
}

/** @throws OrchError ORCH_NO_SUCH_STEP for the first name that nothing has */
export function refuseUnknownRefresh(
  names: readonly string[],
  { gates, file }: Pick<Workflow, 'gates' | 'file'>,
  { nodes }: Pick<Plan, 'nodes'>,
): void {
  const nested = nodes.filter(({ kind }) => kind === 'workflow');
  const steps = nodes.filter(({ kind }) => kind !== 'workflow');
  const known = new Set([...steps.map(({ id }) => id), ...gates.map((gate) => gate.name)]);
  for (const name of names) {
    if (known.has(name) || steps.some((node) => mayBecome(name, node))) continue;
    const isNested = nested.some(({ id }) => id === name);
    const near = closestMatch(name, known) ?? [...known].find((id) => id.startsWith(`${name}/`));
    throw new OrchError(
      'ORCH_NO_SUCH_STEP',
      isNested
        ? `--refresh: ${JSON.stringify(name)} is a nested workflow, and only its steps are cached`
        : `--refresh: no step and no gate is called ${JSON.stringify(name)}`,
      { fix: near === undefined ? `orch plan ${file}` : `did you mean "${near}"?` },
    );
  }
}

/** The instances of a matrix that comes from outputs are known only when the run has got there. */
function mayBecome(name: string, { id, kind }: PlanNode): boolean {
  return kind === 'dynamic' && name.startsWith(`${id}(`) && name.endsWith(')');
}
