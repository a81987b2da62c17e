/** The program that crash.test.ts kills: `<work> <folder> <argument>...` done once through GitPort. */
import { join } from 'node:path';
import { openEmbeddedGit } from '../../../src/adapters/git/embedded/embedded-git.ts';
import { openGit } from '../../../src/adapters/git/open-git.ts';

const [adapter, work, folder = '', ...words] = process.argv.slice(2);
const git = await (adapter === 'embedded' ? openEmbeddedGit(folder) : openGit(folder));
const index = join(git.repository.gitDir, 'orch/runs/run-1/index');
const [first = '', second = ''] = words;
switch (work) {
  case 'restore':
    await git.restoreWorkTree(first, second, [], index);
    break;
  case 'adopt':
    await git.adoptCommit(first, second);
    break;
  case 'checkpoint': {
    const { tree } = await git.snapshot({ index, exclude: [], maxFileSizeBytes: 1_000_000 });
    const full = await git.treeWithFiles(tree, new Map([['.orch/run', Buffer.from('1')]]));
    const commit = await git.commit({ tree: full, parents: [first], message: 'x' });
    await git.updateRefs([{ ref: 'refs/heads/orch/run-1', to: commit }]);
    break;
  }
}
