/** Templates, nested workflows, and the Workflow that comes out of it all. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidFileError, OrchError } from '../../src/base/errors.ts';
import { mergeTemplate } from '../../src/workflow/extends.ts';
import { type LoadedWorkflow, type LoadRequest, loadWorkflow } from '../../src/workflow/load.ts';
import type { Plain } from '../../src/workflow/places.ts';

/** Loads `main.yaml` of a repository given as a map of files. */
function load(
  files: Readonly<Record<string, string>>,
  more: Partial<LoadRequest> = {},
): LoadedWorkflow {
  return loadWorkflow({ file: 'main.yaml', read: (path) => files[path], ...more });
}

function renderedOf(
  files: Readonly<Record<string, string>>,
  more: Partial<LoadRequest> = {},
): string {
  try {
    load(files, more);
  } catch (error) {
    if (error instanceof InvalidFileError) return error.rendered;
    throw error;
  }
  return 'valid';
}

describe('extends', () => {
  const template = `
name: base
env: { A: "1", B: "2" }
steps:
  build: { run: make, reads: [src/**] }
  test: { run: make test, needs: [build] }
  publish: { run: make publish, needs: [test] }
gates:
  - { name: types, run: tsc, level: strict }
  - { name: tests, run: npm test }
`;
  const files = {
    '.orch/templates/base.yaml': template,
    'main.yaml': `
extends: base
env: { B: "3" }
steps:
  publish: null
  lint: { run: eslint, needs: [build], insert_after: build }
  build: { reads: [lib/**] }
gates:
  - { name: types, level: light }
  - { name: audit, run: npm audit }
`,
  };

  test('maps merge by key, lists are replaced, named lists merge by name, null removes, insert_after orders', () => {
    const { workflow } = load(files);
    expect(workflow.name).toBe('base');
    expect(workflow.env).toEqual({ A: '1', B: '3' });
    expect(workflow.steps.map(({ id }) => id)).toEqual(['build', 'lint', 'test']);
    expect(workflow.steps[0]).toMatchObject({ run: 'make', reads: ['lib/**'] });
    expect(workflow.gates.map(({ name, run, level }) => [name, run, level])).toEqual([
      ['types', 'tsc', 'light'],
      ['tests', 'npm test', 'standard'],
      ['audit', 'npm audit', 'standard'],
    ]);
  });

  test('it is known where each value came from', () => {
    const { originOf, workflow, files: read } = load(files);
    expect(originOf(['steps', 'build', 'run'])).toMatchObject({
      file: '.orch/templates/base.yaml',
      line: 5,
    });
    expect(originOf(['steps', 'build', 'reads'])).toMatchObject({ file: 'main.yaml', line: 7 });
    expect(originOf(['gates', 1, 'run'])).toMatchObject({
      file: '.orch/templates/base.yaml',
      line: 10,
    });
    expect(workflow.steps.map(({ spot }) => spot.file)).toEqual([
      'main.yaml',
      'main.yaml',
      '.orch/templates/base.yaml',
    ]);
    expect(read).toEqual(['main.yaml', '.orch/templates/base.yaml']);
  });

  test('a mistake of the template is shown in the template', () => {
    const broken = {
      ...files,
      '.orch/templates/base.yaml': template.replace('needs: [build]', 'needs: [biuld]'),
    };
    expect(renderedOf(broken)).toBe(
      [
        '.orch/templates/base.yaml:6:34: step "biuld" is not defined',
        '   6 |   test: { run: make test, needs: [biuld] }',
        '     |                                   ^^^^^',
        '  fix: did you mean "build"? [ORCH_UNKNOWN_STEP]',
      ]
        .join('\n')
        .replace(':6:34:', ':6:35:')
        .replace(
          '     |                                   ^',
          '     |                                   ^',
        ),
    );
  });

  test.for([
    {
      name: 'a circle',
      main: 'extends: ./a.yaml\n',
      others: { 'a.yaml': 'extends: ./b.yaml\n', 'b.yaml': 'extends: a.yaml\n' },
      says: 'b.yaml:1:10: templates extend each other in a circle: a.yaml -> b.yaml -> a.yaml',
    },
    {
      name: 'a file that extends itself',
      main: 'extends: main.yaml\n',
      others: {},
      says: 'main.yaml:1:10: templates extend each other in a circle: main.yaml -> main.yaml',
    },
    {
      name: 'an unknown name',
      main: 'extends: nope\n',
      others: {},
      says: 'main.yaml:1:10: "nope" is not found in .orch/templates',
    },
    {
      name: 'a path out of the repository',
      main: 'extends: ../secret.yaml\n',
      others: { '../secret.yaml': 'steps: {}' },
      says: 'main.yaml:1:10: "../secret.yaml" leaves the repository',
    },
    {
      name: 'an absolute path',
      main: 'extends: /etc/x.yaml\n',
      others: { '/etc/x.yaml': 'steps: {}' },
      says: 'main.yaml:1:10: "/etc/x.yaml" is an absolute path',
    },
    {
      name: 'a step to remove that is not there',
      main: 'extends: ./a.yaml\nsteps: { tset: null }\n',
      others: { 'a.yaml': 'steps: { test: { run: x } }\n' },
      says: 'main.yaml:2:10: the template has no step "tset" to remove',
    },
    {
      name: 'insert_after nothing',
      main: 'steps: { a: { run: x, insert_after: b } }\n',
      others: {},
      says: 'main.yaml:1:37: step "b" is not defined',
    },
    {
      name: 'insert_after in a circle',
      main: 'steps: { a: { run: x, insert_after: b }, b: { run: x, insert_after: a } }\n',
      others: {},
      says: 'main.yaml:1:37: steps stand behind each other: a, b',
    },
  ])('$name is reported at its place', ({ main, others, says }) => {
    expect(renderedOf({ ...others, 'main.yaml': main }).split('\n')[0]).toBe(says);
  });

  describe('the merge', () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean());
    const key = fc.constantFrom('a', 'b', 'c', 'name');
    const { value } = fc.letrec<{ value: Plain }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 3 }),
      ) as fc.Arbitrary<Plain>,
    }));
    const map = fc.dictionary(key, value) as fc.Arbitrary<Record<string, Plain>>;
    const plain = (merged: Plain): unknown => JSON.parse(JSON.stringify(merged));

    test('nothing over a file, and a file over nothing, is the file', () => {
      fc.assert(
        fc.property(map, (file) => {
          expect(plain(mergeTemplate(file, {}))).toEqual(plain(file));
          expect(plain(mergeTemplate({}, file))).toEqual(plain(file));
        }),
      );
    });

    test('a file over itself is the file, and merging changes neither side', () => {
      fc.assert(
        fc.property(map, map, (template, child) => {
          const before = JSON.stringify([template, child]);
          expect(plain(mergeTemplate(template, template))).toEqual(plain(template));
          mergeTemplate(template, child);
          expect(JSON.stringify([template, child])).toBe(before);
        }),
      );
    });

    test('every plain value of the child is in the result', () => {
      fc.assert(
        fc.property(map, map, (template, child) => {
          const merged = mergeTemplate(template, child) as Record<string, Plain>;
          for (const [name, own] of Object.entries(child))
            if (typeof own !== 'object') expect(merged[name]).toBe(own);
        }),
      );
    });
  });
});

describe('nested workflows', () => {
  const files = {
    'main.yaml': `
name: outer
env: { OUTER: "1" }
pools: { gpu: 1 }
defaults: { timeout: 1h }
steps:
  prepare: { run: x }
  release:
    needs: [prepare]
    when: inputs.go
    trigger_rule: all_done
    wave: 2
    workflow: release
    with: { version: "\${{ steps.prepare.outputs.v }}", dry: true }
  after: { run: x, needs: [release], env: { V: "\${{ steps.release.outputs.tag }}" } }
inputs: { go: { type: boolean } }
gates: [{ name: tests, run: t }]
`,
    '.orch/workflows/release.yaml': `
env: { INNER: "2" }
pools: { gpu: 4, net: 2 }
inputs: { version: { required: true }, dry: { type: boolean } }
outputs: { tag: "\${{ steps.tag.outputs.tag }}" }
steps:
  tag: { run: git tag, uses: { gpu: 1 }, wave: 7 }
  push: { run: git push, needs: [tag], when: steps.tag.status == 'passed' }
gates: [{ name: tests, run: i, env: { V: "\${{ inputs.version }}" } }]
`,
  };

  test('their steps follow the outer step under full ids, with a scope of their own', () => {
    const { workflow } = load(files);
    expect(workflow.steps.map(({ id, kind, parent, needs }) => [id, kind, parent, needs])).toEqual([
      ['prepare', 'run', undefined, []],
      ['release', 'workflow', undefined, ['prepare']],
      ['release/tag', 'run', 'release', []],
      ['release/push', 'run', 'release', ['release/tag']],
      ['after', 'run', undefined, ['release']],
    ]);
    const [, release, tag, push] = workflow.steps;
    expect(release).toMatchObject({
      when: 'inputs.go',
      triggerRule: 'all_done',
      wave: 2,
      workflow: {
        path: '.orch/workflows/release.yaml',
        with: { version: '${{ steps.prepare.outputs.v }}', dry: true },
        inputs: {
          version: { type: 'string', required: true },
          dry: { type: 'boolean', required: false },
        },
        outputs: { tag: '${{ steps.tag.outputs.tag }}' },
      },
    });
    expect(tag).toMatchObject({
      env: { INNER: '2' },
      timeout: {},
      triggerRule: 'all_success',
      category: 'tag',
      wave: 2,
    });
    expect(tag?.when).toBeUndefined();
    expect(push?.when).toBe("steps.tag.status == 'passed'");
    expect(push?.spot.file).toBe('.orch/workflows/release.yaml');
    expect(workflow.gates.map(({ name }) => name)).toEqual(['tests', 'release/tests']);
    expect(workflow.pools).toEqual({ gpu: 1, net: 2 });
  });

  test('three levels deep, and the same workflow twice', () => {
    const { workflow } = load({
      'main.yaml':
        'steps: { a: { workflow: ./mid.yaml }, b: { workflow: ./mid.yaml, needs: [a] } }\n',
      'mid.yaml': 'steps: { m: { workflow: ./leaf.yaml } }\n',
      'leaf.yaml': 'steps: { l: { run: x } }\n',
    });
    expect(workflow.steps.map(({ id }) => id)).toEqual(['a', 'a/m', 'a/m/l', 'b', 'b/m', 'b/m/l']);
    expect(workflow.steps[2]?.parent).toBe('a/m');
  });

  const call = (body: string): string => `steps: { n: { workflow: ./n.yaml${body} } }\n`;
  test.for([
    {
      name: 'a circle',
      main: call(''),
      nested: 'steps: { m: { workflow: main.yaml } }\n',
      says: 'n.yaml:1:25: workflows nest each other in a circle: main.yaml -> n.yaml -> main.yaml',
    },
    {
      name: 'a missing input',
      main: call(''),
      nested: 'inputs: { v: { required: true } }\nsteps: { a: { run: x } }\n',
      says: 'main.yaml:1:25: the nested workflow requires the input "v"',
    },
    {
      name: 'an unknown input',
      main: call(', with: { w: 1 }'),
      nested: 'inputs: { v: {} }\nsteps: { a: { run: x } }\n',
      says: 'main.yaml:1:43: the nested workflow has no input "w"',
    },
    {
      name: 'an input of the wrong type',
      main: call(', with: { v: 1 }'),
      nested: 'inputs: { v: {} }\nsteps: { a: { run: x } }\n',
      says: 'main.yaml:1:46: the input "v" of the nested workflow must be text',
    },
    {
      name: 'a mistake inside',
      main: call(''),
      nested: 'steps: { a: { rn: x } }\n',
      says: 'n.yaml:1:15: unknown key "rn" in step "a"',
    },
    {
      name: 'a key of work',
      main: call(', retry: { max_attempts: 2 }'),
      nested: 'steps: { a: { run: x } }\n',
      says: 'main.yaml:1:35: "retry" has no meaning on a workflow step',
    },
    {
      name: 'an outer result used inside',
      main: `steps: { o: { run: x }, n: { workflow: ./n.yaml, needs: [o] } }\n`,
      nested: 'steps: { a: { run: x, when: steps.o.status } }\n',
      says: 'n.yaml:1:29: step "o" is not defined',
    },
    {
      name: 'more of a pool than outside',
      main: `pools: { g: 1 }\n${call('')}`,
      nested: 'pools: { g: 2 }\nsteps: { a: { run: x, uses: { g: 2 } } }\n',
      says: 'n.yaml:2:34: step "n/a" uses 2 of the pool "g", of which the outer workflow has only 1',
    },
  ])('$name is reported at its place', ({ main, nested, says }) => {
    expect(renderedOf({ 'main.yaml': main, 'n.yaml': nested }).split('\n')[0]).toBe(says);
  });

  test('files that nest each other many times at every level end in an error', () => {
    const twice = (next: string): string =>
      `steps: { ${Array.from({ length: 40 }, (_, i) => `s${i}: { workflow: ./${next}.yaml }`).join(', ')} }\n`;
    const bomb = {
      'main.yaml': twice('a'),
      'a.yaml': twice('b'),
      'b.yaml': twice('c'),
      'c.yaml': twice('d'),
      'd.yaml': 'steps: { x: { run: x } }\n',
    };
    expect(renderedOf(bomb)).toContain('more than 200000 steps');
  });
});

test('a file that does not exist is named', () => {
  expect(() => load({})).toThrow(OrchError);
  expect(() => load({})).toThrow('the workflow file main.yaml does not exist');
});

test('a strategy that nobody defined is suggested', () => {
  const files = { 'main.yaml': 'strategy: progresive\nsteps: { a: { run: x } }\n' };
  expect(renderedOf(files, { strategies: ['auto', 'progressive'] })).toContain(
    'fix: did you mean "progressive"?',
  );
});

test('settings come from the step, else from defaults, else from config, part by part', () => {
  const text = `
defaults: { timeout: { total: 20m, idle: 5m }, retry: { max_attempts: 2, backoff: 2s } }
steps:
  a: { run: x, timeout: 10m, retry: { backoff: 5m } }
  b: { run: x, timeout: { queue: 1h }, continue_on_error: true, env: { N: 1.10, T: true } }
`;
  const { workflow } = load({ 'main.yaml': text });
  expect(workflow.steps[0]).toMatchObject({
    timeout: { totalMs: 600_000, idleMs: 300_000 },
    retry: { maxAttempts: 2, backoffMs: 300_000, maxBackoffMs: 300_000 },
  });
  expect(workflow.steps[1]).toMatchObject({
    timeout: { totalMs: 1_200_000, idleMs: 300_000, queueMs: 3_600_000 },
    continueOnError: true,
    env: { N: '1.10', T: 'true' },
  });
  expect(workflow).toMatchObject({
    name: 'main',
    strategy: 'auto',
    failFast: true,
    onFailure: 'keep',
    waves: { auto: true, max: 10, minSteps: 2 },
  });
});
