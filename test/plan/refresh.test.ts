/** What may stand after --refresh: every step and gate by name, and nothing that would do nothing. */
import { expect, test } from 'vitest';
import { makePlan } from '../../src/plan/make-plan.ts';
import { refuseUnknownRefresh } from '../../src/plan/refresh.ts';
import { BUILT_IN_STRATEGIES } from '../../src/plan/strategies.ts';
import { loadWorkflow } from '../../src/workflow/load.ts';

const FILES: Readonly<Record<string, string>> = {
  'main.yaml': `name: main
steps:
  build: { run: "true" }
  test: { needs: [build], matrix: { node: [20, 22] }, run: "true" }
  each: { needs: [build], matrix: "\${{ fromJSON(steps.build.outputs.list) }}", run: "true" }
  outer: { workflow: ./inner.yaml }
gates:
  - { name: types, level: strict, run: "true" }
`,
  'inner.yaml': 'name: inner\nsteps:\n  lint: { run: "true" }\n',
};

function refuse(...names: readonly string[]): void {
  const { workflow } = loadWorkflow({ file: 'main.yaml', read: (path) => FILES[path] });
  const plan = makePlan(workflow, {
    concurrency: 2,
    strategy: undefined,
    workspace: undefined,
    strategies: BUILT_IN_STRATEGIES,
  });
  refuseUnknownRefresh(names, workflow, plan);
}

test.for([
  { name: 'build', what: 'a step' },
  { name: 'test', what: 'a matrix with all its instances' },
  { name: 'test(20)', what: 'one instance' },
  { name: 'each', what: 'a matrix that is known later' },
  { name: 'each(some value)', what: 'an instance that is known later' },
  { name: 'outer/lint', what: 'a step of a nested workflow' },
  { name: 'types', what: 'a gate, also one that no wave asks' },
])('$name is $what', ({ name }) => {
  expect(() => refuse(name)).not.toThrow();
});

test.for([
  { name: 'biuld', fix: 'did you mean "build"?' },
  { name: 'test(21)', fix: 'did you mean "test(20)"?' },
  { name: 'nowhere', fix: 'orch plan main.yaml' },
  { name: 'tpyes', fix: 'did you mean "types"?' },
  { name: 'outer', fix: 'did you mean "outer/lint"?' },
])('$name is refused: $fix', ({ name, fix }) => {
  expect(() => refuse('build', name)).toThrow(
    expect.objectContaining({ code: 'ORCH_NO_SUCH_STEP', fix }),
  );
});
