/**
 * Every error code, what it means and how it ends the program. docs/reference/error-codes.md is
 * generated from this table, so a code that is not here does not compile.
 */
interface ErrorCodeEntry {
  /** Names a key of EXIT in errors.ts. */
  readonly exit: 'failed' | 'usage' | 'environment' | 'refused';
  readonly meaning: string;
}

export const ERROR_CODES = {
  ORCH_SECRET_FOUND: {
    exit: 'refused',
    meaning:
      'Uncommitted text looks like a secret, and `secrets: refuse` holds; nothing was started.',
  },
  ORCH_STEPS_RUNNING: {
    exit: 'refused',
    meaning: 'Steps of an interrupted run still run in this work tree.',
  },
  ORCH_WORKTREE_GONE: {
    exit: 'environment',
    meaning: 'The work tree of a run does not exist any more.',
  },
  ORCH_WORKTREE_FAILED: {
    exit: 'environment',
    meaning: 'A worktree for isolated work could not be made, brought to a commit or removed.',
  },
  ORCH_CHANGES_REFUSED: {
    exit: 'refused',
    meaning: 'A changed workflow cannot be taken into this run any more.',
  },
  ORCH_SNAPSHOT_INCOMPLETE: {
    exit: 'environment',
    meaning: 'Objects of a checkpoint were pruned by someone else while it was written.',
  },
  ORCH_NO_SUCH_CHECKPOINT: { exit: 'usage', meaning: 'The run has no checkpoint of this wave.' },
  ORCH_OTHER_TREE: {
    exit: 'refused',
    meaning:
      'A run in the work tree goes on from a checkpoint only where the files are as that has them.',
  },
  ORCH_UNSETTLED: {
    exit: 'refused',
    meaning: 'A conflict is approved when no file of it holds conflict markers any more.',
  },
  ORCH_NOT_ACCEPTABLE: {
    exit: 'refused',
    meaning: 'Only what a run that passed stands at can be brought to a branch.',
  },
  ORCH_UNCOMMITTED: {
    exit: 'refused',
    meaning: 'The run began on uncommitted changes, which would come along.',
  },
  ORCH_NOT_FAST_FORWARD: {
    exit: 'refused',
    meaning: 'The current branch has moved since the run began, so it cannot be wound forward.',
  },
  ORCH_MERGE_CONFLICT: {
    exit: 'refused',
    meaning: 'The run and the current branch changed the same places; nothing was changed.',
  },
  ORCH_GIT_BUSY: {
    exit: 'refused',
    meaning: 'A merge, rebase or the like is under way, or the index has unmerged paths.',
  },
  ORCH_NOT_RESTORED: {
    exit: 'failed',
    meaning: 'After a rollback some files are not as in the checkpoint; the rescue ref holds them.',
  },
  ORCH_CHECKPOINT_DAMAGED: {
    exit: 'refused',
    meaning: 'Objects of a checkpoint are missing or not as they were made; nothing was changed.',
  },
  ORCH_IN_THE_WAY: {
    exit: 'refused',
    meaning: 'Ignored or left-out files would be overwritten; nothing was changed.',
  },
  ORCH_LOCKED: {
    exit: 'refused',
    meaning:
      'Another living process of orch works on this run or in this work tree, or a lock is not one of its own.',
  },
  ORCH_NO_SUCH_RUN: { exit: 'usage', meaning: 'No run has this id or begins with it.' },
  ORCH_RUN_AMBIGUOUS: { exit: 'usage', meaning: 'Several runs begin with this id.' },
  ORCH_RUN_DAMAGED: {
    exit: 'refused',
    meaning: 'The record of a run cannot be read, or has vanished while it ran.',
  },
  ORCH_NO_SUCH_STEP: {
    exit: 'usage',
    meaning: 'The run or the workflow has no step or gate of this name.',
  },
  ORCH_NOT_WAITING: { exit: 'refused', meaning: 'The step does not wait for an answer.' },
  ORCH_ANSWERED: { exit: 'refused', meaning: 'The step was approved or rejected before.' },
  ORCH_RUN_ENDED: { exit: 'refused', meaning: 'The run is over, so nothing can be asked of it.' },
  ORCH_CANCEL_PENDING: {
    exit: 'failed',
    meaning: 'A run was asked to end and its process has not ended it in time.',
  },
  ORCH_DETACH_FAILED: {
    exit: 'environment',
    meaning: 'The process of a detached run ended before the run existed.',
  },
  ORCH_UNKNOWN_AGENT: {
    exit: 'usage',
    meaning: 'A step names an agent that config.yaml does not define and that orch does not know.',
  },
  ORCH_UNKNOWN_PERSONA: { exit: 'usage', meaning: 'There is no persona of this name.' },
  ORCH_INVALID_PERSONA: { exit: 'usage', meaning: 'The file of a persona cannot be used.' },
  ORCH_PERSONA_EXISTS: {
    exit: 'refused',
    meaning: 'The project has a persona of this name already; nothing was written.',
  },
  ORCH_NO_PROMPT: {
    exit: 'usage',
    meaning: 'There is no prompt of an agent where one was asked for.',
  },
  ORCH_AGENT_MISSING: {
    exit: 'environment',
    meaning: 'None of the agent programs that a step may use is there.',
  },
  ORCH_NOT_AVAILABLE: {
    exit: 'environment',
    meaning: 'The workflow uses something that this version of orch cannot do yet.',
  },
  ORCH_JOURNAL_DAMAGED: {
    exit: 'refused',
    meaning: "A run's journal does not parse; nothing was changed.",
  },
  ORCH_JOURNAL_NEWER: {
    exit: 'environment',
    meaning: 'A record was written by a newer version of orch than this one.',
  },
  ORCH_FILE_NOT_FOUND: {
    exit: 'usage',
    meaning: 'A file named on the command line or in another file does not exist.',
  },
  ORCH_FILE_UNREADABLE: {
    exit: 'usage',
    meaning: 'A file cannot be read as YAML safely: a folder, too large, too deep, or not text.',
  },
  ORCH_YAML_SYNTAX: { exit: 'usage', meaning: 'A file is not valid YAML.' },
  ORCH_DUPLICATE_KEY: {
    exit: 'usage',
    meaning: 'A key stands twice in the same map, or two ids differ only in case.',
  },
  ORCH_UNKNOWN_KEY: { exit: 'usage', meaning: 'A key is not known at this place.' },
  ORCH_MISSING_KEY: { exit: 'usage', meaning: 'A key that must be there is missing.' },
  ORCH_WRONG_TYPE: {
    exit: 'usage',
    meaning: 'A value has the wrong type, such as text where a list belongs.',
  },
  ORCH_INVALID_VALUE: { exit: 'usage', meaning: 'A value has the right type and is not allowed.' },
  ORCH_INVALID_DURATION: {
    exit: 'usage',
    meaning: 'A duration is not written as 90s, 20m or 1h30m.',
  },
  ORCH_INVALID_SIZE: { exit: 'usage', meaning: 'A size is not written as 500KB or 10MB.' },
  ORCH_INVALID_GLOB: {
    exit: 'usage',
    meaning: 'A path or glob leaves the repository or cannot be matched.',
  },
  ORCH_INVALID_ID: { exit: 'usage', meaning: 'An id or name has characters that are not allowed.' },
  ORCH_UNKNOWN_STEP: { exit: 'usage', meaning: 'A step is named that is not defined.' },
  ORCH_CYCLE: {
    exit: 'usage',
    meaning: 'Steps, templates or nested workflows wait for each other in a circle.',
  },
  ORCH_STEP_KIND: {
    exit: 'usage',
    meaning: 'A step does nothing, does two things, or has a key of another kind of step.',
  },
  ORCH_POOL: {
    exit: 'usage',
    meaning: 'A step uses a pool that is not defined, or more of it than there is.',
  },
  ORCH_EXPRESSION: {
    exit: 'usage',
    meaning: 'An expression ${{ }} does not parse, or names something that does not exist there.',
  },
  ORCH_EXPRESSION_IN_RUN: {
    exit: 'usage',
    meaning: 'A script holds ${{ }}; values reach scripts through env only.',
  },
  ORCH_EXPRESSION_FAILED: {
    exit: 'failed',
    meaning: 'An expression could not be evaluated with the values at hand.',
  },
  ORCH_NOT_NEEDED: {
    exit: 'usage',
    meaning: 'An expression uses the result of a step that is not among its needs.',
  },
  ORCH_CACHE_READS: { exit: 'usage', meaning: 'A cached step does not say what it reads.' },
  ORCH_RESERVED_NAME: { exit: 'usage', meaning: 'A name belongs to orch itself.' },
  ORCH_MATRIX: {
    exit: 'usage',
    meaning: 'A matrix is empty, too large, has a value twice, or is no list.',
  },
  ORCH_UNKNOWN_STRATEGY: { exit: 'usage', meaning: 'There is no strategy of this name.' },
  ORCH_WAVE: { exit: 'usage', meaning: 'The wave of a step contradicts its needs.' },
  ORCH_NESTED: { exit: 'usage', meaning: 'A nested workflow cannot be used like this.' },
  ORCH_EXTENDS: { exit: 'usage', meaning: 'A template cannot be used like this.' },
  ORCH_DUPLICATE_NAME: { exit: 'usage', meaning: 'Two gates of one workflow have the same name.' },
  ORCH_UNKNOWN_INPUT: {
    exit: 'usage',
    meaning: 'A value is given for an input that the workflow does not declare.',
  },
  ORCH_MISSING_INPUT: { exit: 'usage', meaning: 'A required input has no value.' },
  ORCH_INVALID_INPUT: {
    exit: 'usage',
    meaning: "A value does not fit the input's type or choices.",
  },
  ORCH_USAGE: { exit: 'usage', meaning: 'A command was called with wrong arguments or options.' },
  ORCH_SYSTEM: {
    exit: 'environment',
    meaning: 'The operating system refused: disk full, no permission, no more files or processes.',
  },
  ORCH_GIT_MISSING: { exit: 'environment', meaning: 'There is no git program on PATH.' },
  ORCH_GIT_TOO_OLD: { exit: 'environment', meaning: 'The git program is older than 2.38.' },
  ORCH_NOT_A_REPOSITORY: {
    exit: 'environment',
    meaning: 'The folder is not inside a git repository.',
  },
  ORCH_REPOSITORY_DAMAGED: {
    exit: 'environment',
    meaning: 'The repository was removed, or objects are missing from it.',
  },
  ORCH_BARE_REPOSITORY: { exit: 'environment', meaning: 'The repository has no work tree.' },
  ORCH_INSIDE_GIT_DIR: {
    exit: 'environment',
    meaning: 'The command was called from inside a .git folder.',
  },
  ORCH_GIT_UNSAFE: {
    exit: 'environment',
    meaning: 'Git refuses the repository because somebody else owns it.',
  },
  ORCH_GIT_READ_ONLY: {
    exit: 'environment',
    meaning: 'The .git folder or the work tree cannot be written.',
  },
  ORCH_DISK_FULL: { exit: 'environment', meaning: 'There is no space left on the disk.' },
  ORCH_GIT_FAILED: {
    exit: 'failed',
    meaning: 'A git command failed; the message holds its own words.',
  },
  ORCH_NEEDS_GIT: {
    exit: 'environment',
    meaning: 'The embedded git cannot do this; the git program can.',
  },
  ORCH_REF_MOVED: {
    exit: 'refused',
    meaning: 'A ref is no longer what it was: something else wrote it.',
  },
  ORCH_BRANCH_IN_THE_WAY: {
    exit: 'refused',
    meaning: 'The name of a branch blocks names below it, such as orch and orch/<run>.',
  },
  ORCH_INDEX_LOCKED: { exit: 'refused', meaning: 'Another git command holds the index.' },
  ORCH_FILES_IN_THE_WAY: {
    exit: 'refused',
    meaning: 'Files that no checkpoint holds would be overwritten.',
  },
  ORCH_WORK_FILE_UNREADABLE: {
    exit: 'environment',
    meaning: 'A file of the work tree cannot be read.',
  },
  ORCH_INVALID_JOB: {
    exit: 'usage',
    meaning: 'A command, folder or environment entry that no shell can take.',
  },
  ORCH_KEEPER_FAILED: {
    exit: 'environment',
    meaning: 'The system does not let orch start another process.',
  },
  ORCH_INTERNAL: {
    exit: 'failed',
    meaning: 'A bug in orch. Run again with --debug to see where, and report it.',
  },
} as const satisfies Record<`ORCH_${string}`, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;
