/** The programs that tests of the pool race and kill: `<work> <repository> <root> <argument>...`. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClock } from '../../../src/adapters/clock.ts';
import { createFiles } from '../../../src/adapters/files/files.ts';
import { openGit } from '../../../src/adapters/git/open-git.ts';
import { createProcesses } from '../../../src/adapters/processes/processes.ts';
import { openWorktreePool } from '../../../src/adapters/worktrees/worktree-pool.ts';

const [work, repository = '', root = '', ...words] = process.argv.slice(2);
const ports = { clock: createClock(), files: createFiles(), processes: createProcesses() };
const pool = openWorktreePool(ports, await openGit(repository), {
  root,
  include: ['.env'],
  setup: { run: 'npm ci', reads: ['top.txt'] },
  ports: 0,
});
switch (work) {
  case 'claim':
    for (let count = 0; count < 10; count++) console.log(pool.claim(words[0] ?? '').number);
    break;
  case 'make':
    // Several at once, each in a worktree of its own.
    await Promise.all([1, 2].map(() => pool.prepare(pool.claim(words[0] ?? ''), words[1] ?? '')));
    break;
  case 'closed': {
    // Folders that nobody may write, tracked and new ones, with changes in them.
    const [run = '', first = ''] = words;
    const claim = pool.claim(run);
    const path = (name: string) => join(claim.root, name);
    await pool.prepare(claim, first);
    writeFileSync(path('src/a.ts'), 'changed');
    writeFileSync(path('src/deep/new.txt'), 'x');
    mkdirSync(path('new/deeper'), { recursive: true });
    writeFileSync(path('new/deeper/file'), 'x');
    for (const name of ['src/deep', 'src', 'new/deeper', 'new', '.']) chmodSync(path(name), 0o555);
    await pool.prepare(claim, first);
    console.log(readdirSync(claim.root).sort().join(' '));
    console.log(
      readFileSync(path('src/a.ts'), 'utf8').trim(),
      readdirSync(path('src/deep')).join(),
    );
    console.log((statSync(path('src/deep')).mode & 0o777).toString(8));
    process.stdout.write(
      spawnSync('git', ['status', '--porcelain', '--ignored'], { cwd: claim.root }).stdout,
    );
    break;
  }
  case 'live': {
    // A whole life: claimed, prepared, used, brought on, released, removed.
    const [run = '', first = '', second = ''] = words;
    const claim = pool.claimed(run, 1) ?? pool.claim(run);
    await pool.prepare(claim, first);
    pool.noteSetup(claim, []);
    writeFileSync(join(claim.root, 'junk'), 'x');
    writeFileSync(join(claim.root, 'top.txt'), 'x');
    await pool.prepare(claim, second);
    pool.release(claim);
    // As a clean-up does: also what an earlier removal has begun.
    for (const { number } of pool.list()) await pool.remove(number);
    break;
  }
}
