/**
 * The list of commands, in the order and under the headings of `orch --help`.
 *
 * To add one: write `register<Name>` in commands/<name>.ts and name it here. Registering must be cheap
 * (it happens on every start): names, options and help only; the work is imported in the action.
 */
import type { Command } from 'commander';
import { registerAccept } from './commands/accept.ts';
import { registerApprove } from './commands/approve.ts';
import { registerAudit } from './commands/audit.ts';
import { registerCancel } from './commands/cancel.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerDiff } from './commands/diff.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerGc } from './commands/gc.ts';
import { registerInit } from './commands/init.ts';
import { registerList } from './commands/list.ts';
import { registerLogs } from './commands/logs.ts';
import { registerPersona } from './commands/persona.ts';
import { registerPlan } from './commands/plan.ts';
import { registerReject } from './commands/reject.ts';
import { registerResume } from './commands/resume.ts';
import { registerRollback } from './commands/rollback.ts';
import { registerRun } from './commands/run.ts';
import { registerSalvage } from './commands/salvage.ts';
import { registerSchema } from './commands/schema.ts';
import { registerShow } from './commands/show.ts';
import { registerStatus } from './commands/status.ts';
import { registerWait } from './commands/wait.ts';
import { registerWhy } from './commands/why.ts';
import type { CliContext } from './context.ts';

/** Adds one command to the program. The context is complete only when the action runs. */
export type RegisterCommand = (program: Command, context: CliContext) => void;

export interface CommandGroup {
  readonly heading: string;
  readonly commands: readonly RegisterCommand[];
}

export const COMMAND_GROUPS: readonly CommandGroup[] = [
  { heading: 'Start:', commands: [registerInit, registerDoctor] },
  {
    heading: 'The main job:',
    commands: [
      registerPlan,
      registerRun,
      registerResume,
      registerRollback,
      registerAccept,
      registerSalvage,
      registerCancel,
      registerApprove,
      registerReject,
    ],
  },
  {
    heading: 'See:',
    commands: [
      registerStatus,
      registerList,
      registerShow,
      registerLogs,
      registerWhy,
      registerDiff,
      registerWait,
      registerAudit,
    ],
  },
  { heading: 'Building blocks:', commands: [registerPersona, registerSchema] },
  { heading: 'Housekeeping:', commands: [registerGc, registerCompletion] },
];
