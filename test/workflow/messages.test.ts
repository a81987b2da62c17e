/** Whole messages as a reader sees them: place, line, carets, rival places, the way out. */
import { describe, expect, test } from 'vitest';
import { InvalidFileError } from '../../src/base/errors.ts';
import { renderDiagnostics } from '../../src/workflow/diagnostics.ts';
import { parseWorkflow } from './parse-workflow.ts';

function messageOf(text: string): string {
  try {
    parseWorkflow(text, 'w.yaml');
  } catch (error) {
    if (error instanceof InvalidFileError) return error.rendered;
    throw error;
  }
  return 'valid';
}

/** Only the sentences and their ways out, one a line. */
function sentencesOf(text: string): string[] {
  const message = messageOf(text);
  return message
    .split('\n')
    .flatMap((line) => /^w\.yaml:(\d+:\d+: .*)|^ {2}(fix: .*)/.exec(line)?.slice(1, 3) ?? [])
    .filter((part) => part !== undefined);
}

describe('a whole message', () => {
  test('points at the exact text, and suggests the near miss', () => {
    expect(
      messageOf('steps:\n  test:\n    needs: [biuld]\n    run: npm test\n  build: { run: make }\n'),
    ).toBe(
      [
        'w.yaml:3:13: step "biuld" is not defined',
        '   3 |     needs: [biuld]',
        '     |             ^^^^^',
        '  fix: did you mean "build"? [ORCH_UNKNOWN_STEP]',
      ].join('\n'),
    );
  });

  test('shows the rival place', () => {
    expect(messageOf('steps:\n  a: { run: x }\n  b: { run: y }\n  a: { run: z }\n')).toBe(
      [
        'w.yaml:4:3: "a" is defined twice',
        '   4 |   a: { run: z }',
        '     |   ^',
        '  w.yaml:2:3: first defined here',
        '   2 |   a: { run: x }',
        '     |   ^',
        '  fix: rename or remove one of the two [ORCH_DUPLICATE_KEY]',
      ].join('\n'),
    );
  });

  test('names a circle in order, once, with every need in it', () => {
    expect(
      messageOf(
        'steps:\n  a: { run: x, needs: [c] }\n  b: { run: x, needs: [a] }\n  c: { run: x, needs: [b] }\n  d: { run: x, needs: [c] }\n',
      ),
    ).toBe(
      [
        'w.yaml:2:24: steps wait for each other in a circle: a -> c -> b -> a',
        '   2 |   a: { run: x, needs: [c] }',
        '     |                        ^',
        '  w.yaml:4:24: "c" needs "b"',
        '   4 |   c: { run: x, needs: [b] }',
        '     |                        ^',
        '  w.yaml:3:24: "b" needs "a"',
        '   3 |   b: { run: x, needs: [a] }',
        '     |                        ^',
        '  fix: remove one of these needs [ORCH_CYCLE]',
      ].join('\n'),
    );
  });

  test('gives every mistake of a file at once, in the order of the file', () => {
    expect(
      sentencesOf(
        'nme: x\nsteps:\n  build:\n    need: [lint]\n    run: make\n    timeout: 20\n  lint:\n    run: x\n    agent: y\n',
      ),
    ).toEqual([
      '1:1: unknown key "nme"',
      'fix: did you mean "name"? [ORCH_UNKNOWN_KEY]',
      '4:5: unknown key "need" in step "build"',
      'fix: did you mean "needs"? [ORCH_UNKNOWN_KEY]',
      '6:14: "timeout" is the bare number 20, not a duration',
      'fix: write "20s" or "20m" [ORCH_INVALID_DURATION]',
      '9:5: step "lint" has both "run" and "agent"',
      'fix: split it into two steps, the second with "needs" on the first [ORCH_STEP_KIND]',
    ]);
  });

  test('refuses NUL wherever it stands, also as the key and behind an alias', () => {
    const text = [
      'steps:',
      '  a: { run: "echo \\0", env: { X: &x "a\\0b", Y: *x } }',
      '  b: { run: x, produces: ["o\\x00"], with: { "k\\u0000": 1 } }',
    ].join('\n');
    expect(messageOf(text).split('\n').slice(0, 4)).toEqual([
      'w.yaml:2:13: the text holds a NUL character',
      '   2 |   a: { run: "echo \\0", env: { X: &x "a\\0b", Y: *x } }',
      '     |             ^^^^^^^^^',
      '  fix: remove it: no command line or environment can carry one [ORCH_INVALID_VALUE]',
    ]);
    const places = sentencesOf(text).filter((line) => line.includes('NUL'));
    expect(places.map((line) => line.split(' ')[0])).toEqual(['2:13:', '2:37:', '3:27:', '3:45:']);
  });

  test('keeps its carets under tabs and wide characters', () => {
    const spot = { file: 'w.yaml', line: 1, column: 6, length: 2 };
    const diagnostic = { code: 'ORCH_USAGE', what: 'w', fix: 'f', spot } as const;
    expect(renderDiagnostics([diagnostic], () => '\t日本 語x y')).toBe(
      [
        'w.yaml:1:6: w',
        '   1 |     日本 語x y',
        '     |            ^^',
        '  fix: f [ORCH_USAGE]',
      ].join('\n'),
    );
  });

  test('shows a line of a megabyte around the mistake only, and steers no terminal', () => {
    const line = `${'x'.repeat(1_000_000)}\x1b[2JBAD${'y'.repeat(1_000_000)}`;
    const spot = { file: 'a\x1b.yaml', line: 1, column: 1_000_005, length: 3 };
    const rendered = renderDiagnostics(
      [{ code: 'ORCH_USAGE', what: 'a\nb', fix: '\x07', spot }],
      () => line,
    );
    const [head, text, carets] = rendered.split('\n');
    expect(head).toBe('a\ufffd.yaml:1:1000005: a b');
    expect(text?.indexOf('BAD')).toBe(carets?.indexOf('^^^'));
    expect(text?.length).toBeLessThan(120);
    expect(rendered).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });

  test('of more than a hundred mistakes the first hundred are shown, and the rest counted', () => {
    const text = `steps:\n${Array.from({ length: 150 }, (_, i) => `  s${i}: { run: x, neds: [] }`).join('\n')}\n`;
    expect(messageOf(text)).toMatch(/\n\n\.\.\. and 50 more mistakes$/);
  });
});

/** A step under `steps:` at line 2, in flow style, so that places are easy to count. */
const step = (body: string): string => `steps:\n  a: { ${body} }\n  b: { run: x }\n`;

describe('each mistake has its sentence and its way out', () => {
  test.for([
    {
      name: 'no steps key',
      text: 'name: x\n',
      says: [
        '1:1: "steps" is missing',
        'fix: add steps: { test: { run: npm test } } [ORCH_MISSING_KEY]',
      ],
    },
    {
      name: 'no steps',
      text: 'steps: {}\n',
      says: [
        '1:1: the workflow has no steps',
        'fix: add one, such as test: { run: npm test } [ORCH_MISSING_KEY]',
      ],
    },
    {
      name: 'an empty file',
      text: '# nothing\n',
      says: [
        '1:1: the file is empty',
        'fix: begin with "steps:", or see `orch schema workflow` [ORCH_MISSING_KEY]',
      ],
    },
    {
      name: 'a list',
      text: '- a\n',
      says: [
        '1:1: the file must hold a map of keys, not a list',
        'fix: begin with "name: my-workflow" and "steps:", or see `orch schema workflow` [ORCH_WRONG_TYPE]',
      ],
    },
    {
      name: 'text for a list',
      text: step('run: x, needs: b'),
      says: [
        '2:23: "needs" must be a list of names, not the text "b"',
        'fix: write needs: [build] [ORCH_WRONG_TYPE]',
      ],
    },
    {
      name: 'an empty step',
      text: 'steps:\n  a:\n',
      says: [
        '2:3: "a" is empty',
        'fix: remove it, or write a: { run: npm test } [ORCH_WRONG_TYPE]',
      ],
    },
    {
      name: 'a wrong choice',
      text: step('run: x, trigger_rule: al_done'),
      says: [
        '2:30: "trigger_rule" must be "all_success", "none_failed", "all_done" or "one_success", not "al_done"',
        'fix: did you mean "all_done"? [ORCH_INVALID_VALUE]',
      ],
    },
    {
      name: 'a bad id',
      text: 'steps:\n  1a: { run: x }\n',
      says: [
        '2:3: "1a" is not a valid name',
        'fix: use letters, digits, "-" and "_", at most 64, and starts with a letter or "_" [ORCH_INVALID_ID]',
      ],
    },
    {
      name: 'ids that differ in case',
      text: 'steps:\n  a: { run: x }\n  A: { run: x }\n',
      says: [
        '3:3: the steps "a" and "A" differ only in upper and lower case',
        'fix: rename one of the two [ORCH_DUPLICATE_KEY]',
      ],
    },
    {
      name: 'nothing to do',
      text: step('needs: [b]'),
      says: [
        '2:3: step "a" does nothing',
        'fix: give it one of run, agent, mcp, approval or workflow [ORCH_STEP_KIND]',
      ],
    },
    {
      name: 'a prompt without agent',
      text: step('prompt: do it'),
      says: ['2:3: step "a" does nothing', 'fix: add agent: auto [ORCH_STEP_KIND]'],
    },
    {
      name: 'an agent without prompt',
      text: step('agent: claude'),
      says: [
        '2:3: the agent of step "a" has no prompt',
        'fix: add prompt: <what it should do> [ORCH_MISSING_KEY]',
      ],
    },
    {
      name: 'a key of another kind',
      text: step('run: x, prompt: y'),
      says: [
        '2:16: "prompt" has no meaning on a run step',
        'fix: remove it; it belongs to agent steps [ORCH_STEP_KIND]',
      ],
    },
    {
      name: 'needing itself',
      text: step('run: x, needs: [a]'),
      says: ['2:24: step "a" needs itself', 'fix: remove "a" from its needs [ORCH_CYCLE]'],
    },
    {
      name: 'a bad duration',
      text: step('run: x, timeout: { total: 20x }'),
      says: [
        '2:34: "20x" is not a duration in "timeout.total" of step "a"',
        'fix: write it like 90s, 20m or 1h30m [ORCH_INVALID_DURATION]',
      ],
    },
    {
      name: 'no time at all',
      text: step('run: x, timeout: 0s'),
      says: [
        '2:25: "0s" is no time at all in "timeout" of step "a"',
        'fix: give it more than zero, or remove the key [ORCH_INVALID_DURATION]',
      ],
    },
    {
      name: 'a bare size',
      text: 'checkpoint: { max_file_size: 10 }\nsteps: { a: { run: x } }\n',
      says: [
        '1:30: "max_file_size" is the bare number 10, not a size',
        'fix: write "10KB" or "10MB" [ORCH_INVALID_SIZE]',
      ],
    },
    {
      name: 'an absolute path',
      text: step('run: x, reads: [/etc]'),
      says: [
        '2:24: "/etc" is absolute',
        'fix: write the path relative to the top of the repository, such as src/** [ORCH_INVALID_GLOB]',
      ],
    },
    {
      name: 'a path that leaves',
      text: step('run: x, produces: [a/../../b]'),
      says: [
        '2:27: "a/../../b" leaves the repository',
        'fix: write the path from the top of the repository, without ".." [ORCH_INVALID_GLOB]',
      ],
    },
    {
      name: 'a cache that reads nothing',
      text: step('run: x, cache: true'),
      says: [
        '2:16: step "a" is cached and does not say what it reads',
        'fix: add reads: [src/**] with everything its result depends on [ORCH_CACHE_READS]',
      ],
    },
    {
      name: 'an unknown pool',
      text: step('run: x, uses: { gpu: 1 }'),
      says: [
        '2:24: the pool "gpu" is not defined',
        'fix: add pools: { gpu: 1 } to the workflow [ORCH_POOL]',
      ],
    },
    {
      name: 'a reserved variable',
      text: step('run: x, env: { ORCH_RUN: y }'),
      says: [
        '2:23: the environment variable "ORCH_RUN" belongs to orch',
        'fix: choose a name that does not begin with ORCH_ [ORCH_RESERVED_NAME]',
      ],
    },
    {
      name: 'an input in a script',
      text: step('run: "echo ${{ inputs.my-dir }}"'),
      says: [
        '2:19: the script of step "a" holds an expression',
        'fix: write "$ORCH_INPUT_MY_DIR" in the script [ORCH_EXPRESSION_IN_RUN]',
      ],
    },
    {
      name: 'an output in a script',
      text: step('needs: [b], run: "echo ${{ steps.b.outputs.tag }}"'),
      says: [
        '2:31: the script of step "a" holds an expression',
        'fix: use env: { TAG: "${{ steps.b.outputs.tag }}" } and write "$TAG" in the script [ORCH_EXPRESSION_IN_RUN]',
      ],
    },
    {
      name: 'a result that is not needed',
      text: step('run: x, when: steps.b.status'),
      says: [
        '2:22: step "a" uses the result of "b" and does not need it',
        'fix: add "b" to the needs of "a" [ORCH_NOT_NEEDED]',
      ],
    },
    {
      name: 'an undeclared input',
      text: step('run: x, env: { V: "${{ inputs.v }}" }'),
      says: [
        '2:31: the input "v" is not declared',
        'fix: declare it: inputs: { v: { type: string } } [ORCH_EXPRESSION]',
      ],
    },
    {
      name: 'no matrix there',
      text: step('run: x, when: matrix.m'),
      says: [
        '2:22: step "a" has no matrix',
        'fix: add a matrix to step "a", or use another value [ORCH_EXPRESSION]',
      ],
    },
    {
      name: 'a misspelt field',
      text: step('run: x, needs: [b], when: steps.b.output.x'),
      says: [
        '2:34: a step has no "output"; it has status, outputs and matrix',
        'fix: did you mean "outputs"? [ORCH_EXPRESSION]',
      ],
    },
    {
      name: 'success()',
      text: step('run: x, when: success()'),
      says: [
        '2:22: unknown function "success()"',
        'fix: success() is the default; "trigger_rule" says when a step runs after others failed [ORCH_EXPRESSION]',
      ],
    },
    {
      name: 'one equals sign',
      text: step('run: x, when: wave = 1'),
      says: ['2:27: unexpected "=" in the expression', 'fix: compare with "==" [ORCH_EXPRESSION]'],
    },
    {
      name: 'a matrix of one value twice',
      text: step('run: x, matrix: { m: [1, 1] }'),
      says: [
        '2:33: "m" of the matrix has the value 1 twice',
        'fix: remove one of the two [ORCH_MATRIX]',
      ],
    },
    {
      name: 'a matrix as text',
      text: step('run: x, matrix: index'),
      says: [
        '2:24: a matrix given as text must be one expression "${{ }}"',
        'fix: write a map of lists, or one expression: matrix: ${{ fromJSON(steps.list.outputs.items) }} [ORCH_MATRIX]',
      ],
    },
    {
      name: 'a nested workflow with a matrix',
      text: step('workflow: ./n.yaml, matrix: { m: [1] }'),
      says: [
        '2:18: the file "n.yaml" does not exist',
        'fix: create it, or mend the path [ORCH_NESTED]',
        '2:28: a nested workflow cannot have a matrix',
        'fix: put the matrix on the steps inside the nested workflow, or write one step for each value [ORCH_NESTED]',
      ],
    },
    {
      name: 'a wave before its need',
      text: 'steps:\n  a: { run: x, wave: 3 }\n  m: { run: x, needs: [a] }\n  b: { run: x, needs: [m], wave: 2 }\n',
      says: [
        '4:34: step "b" is set to wave 2, and waits for "a" in wave 3',
        'fix: set it to 3 or more, or remove it [ORCH_WAVE]',
      ],
    },
    {
      name: 'one_success of nothing',
      text: step('run: x, trigger_rule: one_success'),
      says: [
        '2:16: step "a" waits for one of its needs to pass, and has none',
        'fix: add needs, or remove trigger_rule [ORCH_INVALID_VALUE]',
      ],
    },
    {
      name: 'a merge key',
      text: 'x: &d { run: x }\nsteps:\n  a: { <<: *d, run: y }\n',
      says: [
        '1:1: unknown key "x"',
        'fix: remove it; known here: name, extends, description, strategy, workspace, concurrency, fail_fast, on_failure, inputs, outputs, env, budget, pools, waves, checkpoint, secrets, defaults, conflicts, steps, gates, notify [ORCH_UNKNOWN_KEY]',
        '3:8: unknown key "<<" in step "a"',
        'fix: merge keys are not supported; use "defaults", "env" or "extends" [ORCH_UNKNOWN_KEY]',
      ],
    },
    {
      name: 'a tab',
      text: 'steps:\n\ta: { run: x }\n',
      says: [
        '2:1: not valid YAML: tabs are not allowed as indentation',
        'fix: indent with spaces [ORCH_YAML_SYNTAX]',
      ],
    },
    {
      name: 'a choice without options',
      text: 'inputs: { c: { type: choice } }\nsteps: { a: { run: x } }\n',
      says: ['1:11: the choice "c" has no options', 'fix: add options: [a, b] [ORCH_MISSING_KEY]'],
    },
    {
      name: 'a default of the wrong type',
      text: 'inputs: { c: { type: number, default: x } }\nsteps: { a: { run: x } }\n',
      says: [
        '1:39: the default of the input "c" must be a number',
        'fix: change the default, or the type [ORCH_INVALID_VALUE]',
      ],
    },
    {
      name: "another tool's key",
      text: step('run: x, depends_on: [b]'),
      says: [
        '2:16: unknown key "depends_on" in step "a"',
        'fix: did you mean "needs"? [ORCH_UNKNOWN_KEY]',
      ],
    },
  ])('$name', ({ text, says }) => {
    expect(sentencesOf(text)).toEqual(says);
  });
});
