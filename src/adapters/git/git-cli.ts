/**
 * GitPort by the git program's plumbing. This file only wires: each part stands in the file that is
 * named as what it does.
 */
import { join } from 'node:path';
import { OrchError } from '../../base/errors.ts';
import type { GitPort } from '../../ports/git.ts';
import { adoptCommit } from './adopt-commit.ts';
import { toText } from './byte-paths.ts';
import { checkOutConflict } from './check-out-conflict.ts';
import { askGit, type GitContext, runGit } from './git-program.ts';
import { isComplete } from './is-complete.ts';
import { createMerger } from './merge-changes.ts';
import { findInTheWay, planRestore } from './plan-restore.ts';
import { copyIndex } from './private-index.ts';
import { readBlobs } from './read-blobs.ts';
import {
  diffText,
  diffTrees,
  isAncestor,
  listFiles,
  mergeTrees,
  readCommit,
  readFileAt,
  readFirstParents,
} from './read-history.ts';
import { listRefs, readHead, resolveRevision, updateRefs } from './refs.ts';
import { restoreWorkTree } from './restore-work-tree.ts';
import { takeSnapshot, writeUserIndexTree } from './snapshot.ts';
import { makeTemporaryIndex } from './temporary-index.ts';
import { writeTreeOfPaths } from './tree-of-paths.ts';
import { checkOutPath, createWorkTreeFiles } from './work-tree-files.ts';
import { createCommitWriter } from './write-commit.ts';
import { writeTreeWithFiles } from './write-objects.ts';

/** @param context as discoverRepository found it */
export function createGitCli(context: GitContext): GitPort {
  const { repository } = context;
  const files = createWorkTreeFiles(context);
  return {
    kind: 'git',
    repository,
    head: () => readHead(context),
    async userIndexTree() {
      using copy = makeTemporaryIndex(repository);
      copyIndex(join(repository.gitDir, 'index'), copy.path);
      return await writeUserIndexTree(context, copy.path);
    },
    snapshot: (request) => takeSnapshot(context, request),
    treeWithFiles: (tree, contents) => writeTreeWithFiles(context, tree, contents),
    async emptyTree() {
      const args = ['hash-object', '-t', 'tree', '-w', '--stdin'];
      const { stdout } = await runGit(context, { args, input: '' });
      return stdout.toString().trim();
    },
    treeOfPaths: (paths) => writeTreeOfPaths(context, paths),
    commit: createCommitWriter(context),
    updateRefs: (updates) => updateRefs(context, updates),
    isComplete: (oid, known) => isComplete(context, oid, known),
    resolve: (revision) => resolveRevision(context, revision),
    listRefs: (prefix) => listRefs(context, prefix),
    readCommit: (oid) => readCommit(context, oid),
    firstParents: (tip, stop) => readFirstParents(context, tip, stop),
    isAncestor: (ancestor, descendant) => isAncestor(context, ancestor, descendant),
    readFile: (revision, path) => readFileAt(context, revision, path),
    listFiles: (revision, path) => listFiles(context, revision, path),
    diffTrees: (from, to) => diffTrees(context, from, to),
    readBlobs: (oids, maxBytes) => readBlobs(context, oids, maxBytes),
    diffText: (from, to, options) => diffText(context, from, to, options),
    async inTheWay(from, to, exclude) {
      const plan = await planRestore(files, from, to, exclude);
      return (await findInTheWay(files, plan)).map(toText);
    },
    restoreWorkTree: (from, to, exclude, index) => restoreWorkTree(files, from, to, exclude, index),
    mergeTrees: (ours, theirs) => mergeTrees(context, ours, theirs),
    mergeChanges: createMerger(context),
    checkOutConflict: (request) => checkOutConflict(context, request),
    adoptCommit: (commit, expectedHead, move) => adoptCommit(context, commit, expectedHead, move),
    checkOutPath: (commit, path) => checkOutPath(context, commit, path),
    async setConfig(key, value) {
      if (!/^[A-Za-z][\w-]*\.(.+\.)?[A-Za-z][\w-]*$/.test(key)) {
        throw new OrchError('ORCH_USAGE', `not a git setting: ${JSON.stringify(key)}`, {
          fix: 'name it as in section.name',
        });
      }
      await askGit(context, 'config', '--local', key, value);
    },
  };
}
