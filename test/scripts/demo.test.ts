/**
 * The demo from its first line to its last, on a small workflow: killed, resumed, shown, taken back,
 * and nothing left behind. What it shows with the project's own check is the same with more steps.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../scripts/build.mjs';
import { cleanEnvironment } from '../rig/cli.ts';
import { orchProgram } from '../rig/program.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

/** The second wave lasts until the run has been resumed, so it cannot end before it is killed. */
const WORKFLOW = `
name: small
steps:
  first: { run: "true", wave: 1 }
  second:
    needs: [first]
    wave: 2
    timeout: 60s
    run: |
      until grep -q run.resumed "$(git rev-parse --git-common-dir)/orch/runs/$ORCH_RUN/events/"*
      do sleep 0.05; done
`;

function git(...args: string[]) {
  return spawnSync('git', ['-C', projectRoot, ...args], { encoding: 'utf8' });
}

/** What a run leaves in a repository. */
function runsOfCheckout() {
  return [
    git('for-each-ref', 'refs/heads/orch', 'refs/orch').stdout,
    git('worktree', 'list').stdout,
  ];
}

function runDemo(script: string, args: readonly string[], env: Record<string, string>) {
  return spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: cleanEnvironment(env),
  });
}

describe('the demo', () => {
  const isCheckout = git('rev-parse', '--verify', '--quiet', 'HEAD').status === 0;

  test('kills a run, resumes it, shows its commits, takes it back, and leaves nothing', ({
    skip,
  }) => {
    skip(!isCheckout, 'the project is no git checkout here');
    const folder = makeTemporaryFolder();
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary);
    writeFileSync(join(folder, 'small.yaml'), WORKFLOW);
    const before = runsOfCheckout();

    const { status, stdout, stderr } = runDemo(
      join(projectRoot, 'scripts', 'demo.mjs'),
      ['--workflow', join(folder, 'small.yaml'), '--program', orchProgram()],
      { TMPDIR: temporary },
    );

    expect(stdout + stderr).toContain('small: 2 steps in 2 waves');
    expect(stdout).toContain('kill -9: orch is dead');
    expect(stdout).toMatch(/^passed: small-\S+, 2 steps \(2 passed\) in 2 waves/m);
    for (const wave of [0, 1, 2]) expect(stdout).toContain(`orch: small wave ${wave}/2`);
    expect(stdout).toContain('| Orch-Steps: second');
    expect(stdout).toContain('this line is in no commit');
    expect(stdout).toContain('orch init');
    expect(stdout).toMatch(/The clone is removed\.\n$/);
    expect(status).toBe(0);
    expect(readdirSync(temporary)).toEqual([]);
    expect(runsOfCheckout()).toEqual(before);
  });

  test('says what to do where there is no checkout to clone', () => {
    const folder = makeTemporaryFolder();
    cpSync(join(projectRoot, 'scripts'), join(folder, 'scripts'), { recursive: true });
    symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
    const { status, stdout, stderr } = runDemo(join(folder, 'scripts', 'demo.mjs'), [], {
      GIT_CEILING_DIRECTORIES: join(folder, '..'),
    });
    expect(stderr).toBe(
      `demo: ${folder} is no git checkout, and the demo needs one to clone\n  fix: git clone this project, then in the clone: npm ci && npm run demo\n`,
    );
    expect(stdout).toBe('');
    expect(status).toBe(3);
  });
});
