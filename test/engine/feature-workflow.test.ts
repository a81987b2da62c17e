/** The workflow `feature` that comes with orch, with an agent that plays all its parts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { asRunOutcome } from '../rig/runs.ts';
import { type AgentStage, makeAgents } from './agent-stage.ts';

vi.setConfig({ testTimeout: 120_000 });

/** What the agent does depends on who it is to be; a reviewer finds fault the first time. */
function play(verdict: 'approve' | 'reject'): string {
  return `case "$(head -1 "$ORCH_PROMPT_FILE")" in
*architect.*) mkdir -p docs; echo design > docs/design.md; echo Designed. ;;
*developer.*) cat docs/design.md; echo code >> code.txt; echo Built. ;;
*tester.*) cat docs/design.md; echo test > test.txt; echo Tested. ;;
*writer.*) cat docs/design.md; echo text > text.txt; echo Written. ;;
*reviewer.*) cat code.txt test.txt text.txt; printf 'A flaw: none.\\nVERDICT: ${verdict}\\n' ;;
*) exit 9 ;;
esac`;
}

async function runFeature(stage: AgentStage) {
  const outcome = await stage.orch('run', 'feature', '--input', 'task=A search', '--json');
  return stage.asRun(asRunOutcome(outcome));
}

describe('orch run feature', () => {
  test('lets agents work side by side, merges them, and mends what a review rejects', async () => {
    const stage = makeAgents();
    stage.agent('script', 'exec', [play('reject')]);
    const run = await runFeature(stage);
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    const at = (path: string) => run.file(path);
    expect(['code.txt', 'test.txt', 'text.txt', 'docs/design.md'].map(at)).toEqual([
      'code\ncode',
      'test',
      'text',
      'design',
    ]);
    expect(run.ends('review')[0]?.outputs).toMatchObject({ verdict: 'reject' });
    expect(stage.calls('script')).toBe(6);
    // The three in the middle began on the design alone.
    const bases = ['build', 'tests', 'document'].map(
      (step) => run.of('step.started', step)[0]?.base,
    );
    expect(new Set(bases).size).toBe(1);
    const frozen = readFileSync(join(run.folder('design', 1), '../../../run.json'), 'utf8');
    expect(JSON.parse(frozen.slice(0, frozen.lastIndexOf('}') + 1)).workflow.file).toBe(
      'orch:feature.yaml',
    );
  });

  test('has nothing to mend when the review approves', async () => {
    const stage = makeAgents();
    stage.agent('script', 'exec', [play('approve')]);
    const run = await runFeature(stage);
    expect(run.code).toBe(0);
    expect(run.statusOf('mend')).toBe('skipped');
    expect(stage.calls('script')).toBe(5);
  });

  test('is the project’s own where that has one of the name', async () => {
    const stage = makeAgents({
      '.orch/workflows/feature.yaml': 'steps:\n  own: { run: "true" }\n',
    });
    const outcome = await stage.orch('run', 'feature', '--json');
    expect(asRunOutcome(outcome).summary.steps.passed).toBe(1);
  });

  test('says what it needs', async () => {
    const stage = makeAgents();
    const { code, stderr } = await stage.orch('run', 'feature');
    expect(code).toBe(2);
    expect(stderr).toContain('task');
  });
});
