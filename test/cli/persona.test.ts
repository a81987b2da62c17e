/** `orch persona`, and personas in runs. */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CODEX, makeAgents } from '../engine/agent-stage.ts';
import { runOrch } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';

function stage() {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.commitAll('first');
  const orch = (...args: readonly string[]) => runOrch(args, { cwd: repository.top });
  const json = async (...args: readonly string[]) =>
    JSON.parse((await orch(...args, '--json')).stdout);
  return { repository, orch, json };
}

describe('orch persona list', () => {
  test('shows the built-in ones, and whose win', async () => {
    const { repository, orch, json } = stage();
    expect((await orch('persona', 'list')).stdout).toMatch(
      /^name +source +description\narchitect +built-in +Designs/,
    );
    repository.write('.claude/agents/tester.md', '---\ndescription: ours\n---\nTest.\n');
    repository.write('.orch/personas/tester.md', '---\ndescription: own\n---\nTest well.\n');
    repository.write('.orch/personas/README.md', 'What is here.\n');
    const { personas, problems } = await json('persona', 'list');
    expect(personas.find(({ name }: { name: string }) => name === 'tester')).toMatchObject({
      source: 'project',
      file: '.orch/personas/tester.md',
      description: 'own',
      shadows: ['claude', 'built-in'],
    });
    expect(problems).toEqual([]);
  });

  test('names what cannot be used, and hides nothing for it', async () => {
    const { repository, orch, json } = stage();
    const secret = join(repository.folder, 'secret.md');
    writeFileSync(secret, '---\ndescription: s\n---\nSecret.\n');
    repository.write('.orch/personas/broken.md', 'no front matter\n');
    symlinkSync(secret, repository.path('.orch/personas/linked.md'));
    const { personas, problems } = await json('persona', 'list');
    expect(personas).toHaveLength(11);
    expect(problems.map(({ name }: { name: string }) => name)).toEqual(['broken', 'linked']);
    const { code, stdout } = await orch('persona', 'show', 'linked', '--json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout).error.code).toBe('ORCH_INVALID_PERSONA');
    expect(stdout).not.toContain('Secret.');
  });

  test('follows no link to a folder outside', async () => {
    const { repository, json } = stage();
    const outside = join(repository.folder, 'outside');
    repository.write('../outside/x.md', '---\ndescription: s\n---\nSecret.\n');
    repository.write('.orch/x', '');
    symlinkSync(outside, repository.path('.orch/personas'));
    const { personas, problems } = await json('persona', 'list');
    expect(personas).toHaveLength(11);
    expect(problems).toHaveLength(1);
  });

  test('lets no control character through', async () => {
    const { repository, orch } = stage();
    repository.write('.orch/personas/odd.md', '---\ndescription: "a\\x1b[31mb"\n---\nTest.\n');
    expect((await orch('persona', 'list')).stdout).not.toContain('\u001b');
  });
});

describe('orch persona show', () => {
  test('prints what the agent is told', async () => {
    const { orch } = stage();
    expect((await orch('persona', 'show', 'reviewer')).stdout).toMatch(/^You are a reviewer\./);
  });

  test('suggests a name that is near', async () => {
    const { orch } = stage();
    const { code, stderr } = await orch('persona', 'show', 'reviewr');
    expect(code).toBe(2);
    expect(stderr).toContain('did you mean "reviewer"? [ORCH_UNKNOWN_PERSONA]');
  });
});

describe('orch persona add', () => {
  test('copies the built-in one, once', async () => {
    const { repository, orch, json } = stage();
    expect((await orch('persona', 'add', 'reviewer')).stdout).toContain(
      'wrote .orch/personas/reviewer.md',
    );
    expect(readFileSync(repository.path('.orch/personas/reviewer.md'), 'utf8')).toContain(
      'tools: Read, Grep, Glob, Bash',
    );
    expect(await json('persona', 'show', 'reviewer')).toMatchObject({
      source: 'project',
      shadows: ['built-in'],
    });
    const again = await orch('persona', 'add', 'reviewer');
    expect([again.code, again.stderr.includes('ORCH_PERSONA_EXISTS')]).toEqual([4, true]);
  });

  test('begins with another one, or with an outline', async () => {
    const { orch, json } = stage();
    await orch('persona', 'add', 'strict', '--from', 'reviewer');
    await orch('persona', 'add', 'data-engineer');
    expect((await json('persona', 'show', 'strict')).prompt).toContain('You are a reviewer');
    expect((await json('persona', 'show', 'data-engineer')).prompt).toContain('You are ...');
  });

  test.for(['../x', 'a/b', '.hidden', 'UPPER', ''])('refuses the name %j', async (name) => {
    const { orch } = stage();
    expect((await orch('persona', 'add', name)).code).toBe(2);
  });
});

describe('a step with a persona', () => {
  test('speaks as it was when the run began', async () => {
    const agents = makeAgents({
      'a.txt': 'a\n',
      '.orch/personas/own.md': '---\ndescription: own\n---\nYou are careful.\n',
    });
    agents.agent('coder', 'codex', [`${CODEX.begun}\n${CODEX.done('Done')}`]);
    const run = await agents.run('steps:\n  a: { agent: coder, persona: own, prompt: x }\n');
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect(agents.asked('coder', 1).prompt).toMatch(/^You are careful\.\n\n# How you work here/);
    expect(run.of('step.started', 'a')[0]?.agent?.persona).toBe('own');
  });

  test('that is not there is not started', async () => {
    const agents = makeAgents();
    agents.agent('coder', 'exec', ['echo ok']);
    agents.repository.write(
      '../w.yaml',
      'name: w\nsteps:\n  a: { agent: coder, persona: nobody, prompt: x }\n',
    );
    const { code, stderr } = await agents.orch('run', join(agents.repository.folder, 'w.yaml'));
    expect(code).toBe(2);
    expect(stderr).toContain('ORCH_UNKNOWN_PERSONA');
  });

  test('gives claude its model and its tools', async () => {
    const agents = makeAgents({
      '.claude/agents/own.md':
        '---\ndescription: o\nmodel: opus\ntools: Read, Grep\n---\nYou read.\n',
    });
    const done = 'echo \'{"type":"result","subtype":"success","is_error":false,"result":"ok"}\'';
    agents.agent('claude', 'claude', [done]);
    await agents.run('steps:\n  a: { agent: claude, persona: own, prompt: x }\n');
    const { args } = agents.asked('claude', 1);
    expect(args.slice(args.indexOf('--model'))).toEqual([
      '--model',
      'opus',
      '--allowedTools',
      'Read,Grep',
    ]);
    expect(args).not.toContain('--permission-mode');
  });
});
