/**
 * What orch wants from the operating system's processes: keepers that start jobs and outlive orch,
 * a look at what is alive, and a stop that takes the whole tree. DESIGN section 7.
 */

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time as the kernel counts it (clock ticks since boot), as text. */
  readonly start: string;
}

/** One command under a keeper: an attempt of a step, or a gate. */
export interface Job {
  /** Without white space; appears in the exit log: `<key> <code>`. */
  readonly key: string;
  /** Absolute; made by startJob. Holds `job`, `out`, `err` and whatever the job leaves in $ORCH_OUTPUT. */
  readonly directory: string;
  /** Shell script, run with `sh -c`. */
  readonly script: string;
  readonly cwd: string;
  /** Added to what the keeper inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Names of inherited variables that the job does not get. */
  readonly unset?: readonly string[];
}

export interface Keeper {
  readonly slot: number;
  readonly identity: ProcessIdentity;
  /** Hands over one job; a keeper holds at most one. */
  startJob(job: Job): void;
  /** Lets the keeper end after its job, for which this process does not wait any more. */
  close(): void;
}

export interface KeeperEvents {
  /** The keeper said that its job ended. */
  jobEnded(keeper: Keeper, key: string, exitCode: number): void;
  /** The keeper itself ended, which it should only do after close(). */
  keeperEnded(keeper: Keeper): void;
}

export interface TreeUsage {
  /** CPU seconds of the job's processes so far, those that ended included. */
  readonly cpuSeconds: number;
  /** Sum of the resident memory of all living processes of the tree. */
  readonly rssBytes: number;
  /**
   * Sum of the highest resident memory that each living process ever had: sees what happened between
   * two looks. Absent where the system does not keep it.
   */
  readonly peakRssBytes?: number;
  readonly processes: number;
}

export interface StopRequest {
  /** The keeper of the job; it is left alive. */
  readonly keeper: ProcessIdentity;
  /** Environment entries that all processes of the job carry: ORCH_RUN, and ORCH_STEP to narrow it. */
  readonly marker: Readonly<Record<string, string>>;
  /** Between SIGTERM and SIGKILL, milliseconds; 0 kills at once. */
  readonly graceMs: number;
}

/** A program that is to live on without orch and without the terminal. */
export interface ProgramRequest {
  /** The program first. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Files for what it prints; made, or appended to. */
  readonly out: string;
  readonly err: string;
}

export interface StartedProgram {
  readonly pid: number;
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** This process may end before the program does. */
  letGo(): void;
}

/** Where pids mean something: another container may share kernel and disk, but not its processes. */
export interface ProcessPlace {
  readonly host: string;
  /** As the kernel names it, `pid:[4026531836]`; absent where there are no such things. */
  readonly pid_ns?: string;
}

export interface ProcessPort {
  bootId(): string;
  place(): ProcessPlace;
  self(): ProcessIdentity;
  /** False for a zombie, a reused pid and a gone one. */
  isAlive(identity: ProcessIdentity): boolean;

  /**
   * Where a program is that is named as on a command line: its absolute path. A relative path is given
   * back as it is, because only its job knows where it leads from.
   * @param path as the variable PATH has it
   */
  findProgram(name: string, path: string): string | undefined;

  /** Starts a program in a session of its own, with nothing to read. @throws OrchError ORCH_DETACH_FAILED */
  startProgram(request: ProgramRequest): StartedProgram;

  /** Starts a keeper in a session of its own; it appends to `exitLog`. */
  startKeeper(slot: number, exitLog: string, events: KeeperEvents): Keeper;
  /** Usage of everything below a keeper; undefined when it is gone. */
  usage(keeper: ProcessIdentity): TreeUsage | undefined;
  /**
   * SIGTERM and SIGCONT to the job's processes, grace, SIGKILL to all that is left, then a look.
   * @returns processes that survived even that
   */
  stopJob(request: StopRequest): Promise<readonly ProcessIdentity[]>;
  /**
   * SIGCONT to a keeper and its job, in case a stop that died half-way left them frozen; nothing
   * happens when the keeper is gone.
   */
  wake(keeper: ProcessIdentity): void;
  /** Ends a keeper alone, at once: it writes no exit code of its job any more. The job goes on. */
  endKeeper(keeper: ProcessIdentity): void;
  /** Living processes that carry all these environment entries (at least one), and those below them. */
  findMarked(marker: Readonly<Record<string, string>>): readonly ProcessIdentity[];
  /** As stopJob, for processes found by their marker alone. */
  stopMarked(
    marker: Readonly<Record<string, string>>,
    graceMs: number,
  ): Promise<readonly ProcessIdentity[]>;
}
