/** How `run` and `plan` find the workflow that is meant, and what they say when there is none. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const workflow = (name: string) => `name: ${name}\nsteps:\n  a: { run: "true" }\n`;

/** A folder in which every file is a workflow named after its path. */
function makeFolder(...paths: readonly string[]): string {
  const folder = makeTemporaryFolder();
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), workflow(path.replaceAll(/[./]+/g, '-').replace(/^-/, '')));
  }
  return folder;
}

const PLACES = ['.orch/workflows/ci.yaml', '.orch/workflows/old.yml', 'here.yaml', 'docs/x.yaml'];

describe('a workflow is found', () => {
  test.for([
    { what: 'by name', typed: 'ci', found: 'orch-workflows-ci-yaml' },
    { what: 'by name, ending in .yml', typed: 'old', found: 'orch-workflows-old-yml' },
    { what: 'by the name of its file', typed: 'ci.yaml', found: 'orch-workflows-ci-yaml' },
    { what: 'by path', typed: 'here.yaml', found: 'here-yaml' },
    { what: 'by path, before a name', typed: 'ci.yaml', more: 'ci.yaml', found: 'ci-yaml' },
    {
      what: 'by name, before a folder',
      typed: 'docs',
      more: '.orch/workflows/docs.yaml',
      found: 'orch-workflows-docs-yaml',
    },
  ])('$what: $typed', async ({ typed, more = 'here.yaml', found }) => {
    const { code, document } = await runOrchJson(['plan', typed], {
      cwd: makeFolder(...PLACES, more),
    });
    expect({ code, document }).toMatchObject({ code: 0, document: { workflow: found } });
  });
});

describe('a workflow that is not there', () => {
  test.for([
    {
      typed: 'cl',
      message:
        'there is no workflow "cl": looked for cl, .orch/workflows/cl.yaml and .orch/workflows/cl.yml',
      fix: 'did you mean "ci"?',
    },
    { typed: 'CI', fix: 'did you mean "ci"?' },
    { typed: 'odl.yml', fix: 'did you mean "old"?' },
    { typed: 'here', fix: 'did you mean "here.yaml"?' },
    { typed: 'docs/y.yaml', fix: 'did you mean "docs/x.yaml"?' },
    {
      typed: 'docs',
      message:
        'there is no workflow "docs": looked for docs (a folder), .orch/workflows/docs.yaml and .orch/workflows/docs.yml',
      fix: 'name one of the workflows there are: ci and old',
    },
    {
      typed: './ci.yaml',
      message: 'there is no workflow file ./ci.yaml',
      fix: 'did you mean "ci"?',
    },
  ])('$typed: $fix', async ({ typed, message, fix }) => {
    const cwd = makeFolder(...PLACES);
    const { code, document } = await runOrchJson(['plan', typed], { cwd });
    expect(document).toMatchObject({
      error: { code: 'ORCH_FILE_NOT_FOUND', fix, ...(message !== undefined && { message }) },
    });
    expect(code).toBe(2);
  });

  test('where there is no workflow at all, orch init makes the first one', async () => {
    using repository = makeRepository();
    const { code, stderr } = await runOrch(['run', 'ci'], { cwd: repository.top });
    expect(stderr).toMatch(/\n {2}fix: orch init \[ORCH_FILE_NOT_FOUND\]\n$/);
    expect(code).toBe(2);
  });
});

describe.for(['run', 'plan'])('orch %s without a name', (command) => {
  test('names the workflows there are', async () => {
    using repository = makeRepository();
    for (const name of ['ci', 'old']) repository.write(`.orch/workflows/${name}.yaml`, '');
    const { code, stderr } = await runOrch([command], { cwd: repository.top });
    expect(stderr).toBe(
      `orch: orch ${command} needs a workflow; there are: ci and old\n  fix: orch ${command} ci [ORCH_USAGE]\n`,
    );
    expect(code).toBe(2);
  });

  test('says how to get one where there is none', async () => {
    using repository = makeRepository();
    const { code, document } = await runOrchJson([command], { cwd: repository.top });
    expect(document).toMatchObject({ error: { code: 'ORCH_USAGE', fix: 'orch init' } });
    expect(code).toBe(2);
  });
});

test('a run whose file is gone does not take another of the same name', async () => {
  using repository = makeRepository();
  repository.write('ci.yaml', 'name: ci\nsteps:\n  a: { approval: { message: Go on? } }\n');
  repository.write('.orch/workflows/ci.yaml', workflow('other'));
  repository.commitAll('first');
  await runOrch(['run', 'ci.yaml'], { cwd: repository.top });
  repository.remove('ci.yaml');
  const { document } = await runOrchJson(['resume', '--accept-changes'], { cwd: repository.top });
  expect(document).toMatchObject({ error: { code: 'ORCH_FILE_NOT_FOUND' } });
});
