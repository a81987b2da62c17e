/** Files that no checkpoint holds are named wherever somebody could believe that it does. */
import { existsSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';

test('in the run, its summary, show, the report and a rollback', async () => {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write(
    'w.yaml',
    `
name: w
checkpoint: { max_file_size: 1kB }
steps:
  a: { run: 'head -c 2000 /dev/zero > made.bin' }
`,
  );
  repository.commitAll('first');
  repository.write('before.bin', Buffer.alloc(3000));
  const { run, summary } = await runToEnd(repository, 'run', 'w.yaml');
  const before = { path: 'before.bin', reason: 'too_large', size_bytes: 3000 };
  const made = { path: 'made.bin', reason: 'too_large', size_bytes: 2000 };
  expect(summary.left_out).toEqual([before, made]);
  const words =
    'before.bin (larger than checkpoint.max_file_size), made.bin (larger than checkpoint.max_file_size)';
  const at = { cwd: repository.top };
  expect((await runOrch(['resume', '--quiet'], at)).stdout).toContain(
    `  not in the checkpoints: ${words}\n`,
  );
  expect((await runOrchJson(['show'], at)).document).toMatchObject({ left_out: [before, made] });
  expect((await runOrch(['show'], at)).stdout).toContain(`not in the checkpoints: ${words}\n`);
  expect(repository.git('show', `orch/${run}:.orch/runs/${run}/report.md`)).toContain(
    'Not in the checkpoints: before.bin ',
  );
  const back = await runOrch(['rollback', '--to', '0'], at);
  expect(back.stdout).toContain(
    '  not in it, and left as they are: before.bin (larger than checkpoint.max_file_size)\n',
  );
  expect(existsSync(repository.path('made.bin'))).toBe(true);
  const forward = await runOrchJson(['rollback', '--to', '1'], at);
  expect(forward.document).toMatchObject({ left_out: [before, made] });
});
