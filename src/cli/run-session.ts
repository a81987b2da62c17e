/**
 * What `run` and `resume` share: signals, how events are shown, the summary at the end, and the exit
 * code that says how the run was left.
 */
import { setFlagsFromString } from 'node:v8';
import { EXIT, OrchError } from '../base/errors.ts';
import { sealedRef } from '../checkpoint/layout.ts';
import type { RunControl } from '../engine/drive-run.ts';
import type { RunHooks } from '../engine/start-run.ts';
import type { RunState } from '../run/state.ts';
import { type RunSummary, summarise } from '../run/summary.ts';
import { renderSummary } from '../view/summary-text.ts';
import type { CliContext } from './context.ts';
import { openDisplay } from './display.ts';

/**
 * A run waits most of its life beside programs that need the memory more: the heap is to be collected
 * rather than grown. 10,000 steps peak at 130 MB so, and at 270 MB otherwise (bench/memory.ts), in the
 * same time. To be called before the workflow is read, which needs the most.
 */
export function preferSmallHeap(): void {
  setFlagsFromString('--optimize-for-size');
}

/** Everything that is to be undone when the run is left. */
export interface RunSession extends Disposable {
  readonly hooks: RunHooks;
  /** Waits for what drives the run. One whose repository is gone has nothing to go on with. */
  drive<T>(driven: Promise<T>): Promise<T>;
  /** Shows the summary and sets the exit code. */
  end(state: RunState, branch: string | null): void;
}

export async function openRunSession(context: CliContext): Promise<RunSession> {
  const signals = watchSignals();
  const display = await openDisplay(context);
  let unfinished: string | undefined;
  return {
    hooks: {
      begun(run) {
        unfinished = run;
        context.note(`run ${run}`);
      },
      control: (control) => signals.connect(control),
      observe: (event, state, ended) => {
        if (context.json) context.printLine(event);
        display.show(event, state, ended);
      },
      progress: (progress) => {
        if (context.json) context.printLine(progress);
      },
    },
    async drive(driven) {
      try {
        return await driven;
      } catch (error) {
        const isGone = error instanceof OrchError && error.code === 'ORCH_REPOSITORY_DAMAGED';
        if (isGone) unfinished = undefined;
        throw error;
      }
    },
    end(state, branch) {
      unfinished = undefined;
      display.close();
      const summary = summarise(state, { branch, sealedRef }, Date.now());
      if (context.json) context.printLine(summary);
      else context.print(renderSummary(state, summary, context));
      context.exitCode = exitCodeOf(summary, signals.received());
    },
    [Symbol.dispose]() {
      display.close();
      signals[Symbol.dispose]();
      if (unfinished !== undefined)
        context.note(`run ${unfinished} stopped here; to go on with it: orch resume ${unfinished}`);
    },
  };
}

export function exitCodeOf({ status }: Pick<RunSummary, 'status'>, signal?: string): number {
  switch (status) {
    case 'passed':
      return EXIT.done;
    case 'waiting':
      return EXIT.waiting;
    case 'interrupted':
      return codeOfSignal(signal);
    default:
      return EXIT.failed;
  }
}

function codeOfSignal(signal: string | undefined): number {
  return signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
}

/**
 * SIGINT and SIGTERM ask the run to stop: once gracefully, twice without grace, three times end orch
 * as it is. SIGHUP ends orch alone, and the steps go on.
 */
function watchSignals() {
  let control: RunControl | undefined;
  let early: string | undefined;
  let first: string | undefined;
  let asked = 0;
  const ask = (signal: string) => {
    first ??= signal;
    asked += 1;
    // Something that cannot be stopped, such as a git that hangs; the journal stands a sudden end.
    if (asked > 2) process.exit(codeOfSignal(first));
    if (control) control.interrupt(signal);
    else early = signal;
  };
  const onInterrupt = () => ask('SIGINT');
  const onTerminate = () => ask('SIGTERM');
  const onHangUp = () => process.exit(129);
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  process.on('SIGHUP', onHangUp);
  return {
    connect(made: RunControl) {
      control = made;
      if (early !== undefined) made.interrupt(early);
    },
    received: () => first,
    [Symbol.dispose]() {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onTerminate);
      process.off('SIGHUP', onHangUp);
    },
  };
}
