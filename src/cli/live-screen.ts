/**
 * The bottom of a terminal, redrawn by listr2 until it is closed: frames, cursor, erasing. Whatever
 * anybody prints meanwhile appears above it.
 *
 * listr2 draws lists of tasks and keeps every task it was ever given; a run may have 10,000 steps. So
 * it is given one task, and the lines of each frame come from the caller. Left to itself it would hold
 * back what is printed until the end, and draw a last frame then; here it does neither.
 */
import {
  DefaultRenderer,
  Listr,
  type ListrDefaultRendererOptions,
  type ListrDefaultRendererTask,
  type ListrEventManager,
  ListrLogger,
  ProcessOutput,
  Spinner,
} from 'listr2';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

export interface Screen {
  /** Erases the lines and gives the terminal back; further calls do nothing. */
  close(): void;
}

/** Times are shown in seconds; more frames would only take time from the steps. */
const FRAME_MS = 500;
const SPINNER_WIDTH = 2;
/** The cursor stands below the last line, and a full terminal would scroll. */
const ROWS_KEPT_FREE = 1;
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/**
 * Resolves once frames are drawn.
 * @param frame the lines, plain text, no more and no wider than the size allows
 */
export async function openScreen(frame: (size: ScreenSize) => string[]): Promise<Screen> {
  const gate = makeGate();
  const task = makeGate();
  const output = new SharedOutput();
  let renderer: FrameRenderer | undefined;
  class Renderer extends FrameRenderer {
    constructor(
      tasks: ListrDefaultRendererTask[],
      options: ListrDefaultRendererOptions,
      events: ListrEventManager,
    ) {
      super(tasks, options, events, frame, output);
      renderer = this;
    }
  }
  const list = new Listr(
    [
      {
        title: 'run',
        task: async () => {
          gate.open();
          await task.passed;
        },
      },
    ],
    { renderer: Renderer, registerSignalListeners: false }, // Signals are the run's business.
  );
  const ended = list.run();
  await Promise.race([gate.passed, ended]);
  return {
    close() {
      renderer?.end();
      task.open();
    },
  };
}

function makeGate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

class SlowSpinner extends Spinner {
  override start(callback?: () => void): void {
    super.start(callback, FRAME_MS);
  }
}

/** listr2's renderer with other frames. */
class FrameRenderer extends DefaultRenderer {
  readonly #frame: (size: ScreenSize) => string[];
  readonly #spinner: Spinner;
  /** log-update wraps at the width that the terminal had at first. */
  readonly #firstColumns = terminalSize().columns;
  #hasEnded = false;

  constructor(
    tasks: ListrDefaultRendererTask[],
    options: ListrDefaultRendererOptions,
    events: ListrEventManager,
    frame: (size: ScreenSize) => string[],
    output: SharedOutput,
  ) {
    const spinner = new SlowSpinner();
    const logger = new ListrLogger({ useIcons: false, processOutput: output });
    super(tasks, { ...options, clearOutput: true, spinner, logger }, events);
    this.#frame = frame;
    this.#spinner = spinner;
    output.onText((write) => this.#above(write));
  }

  override create(): string {
    const { columns, rows } = terminalSize();
    const lines = this.#frame({
      columns: Math.min(columns, this.#firstColumns) - SPINNER_WIDTH,
      rows: rows - ROWS_KEPT_FREE,
    });
    return lines
      .map((line, index) => `${index === 0 ? this.#spinner.fetch() : ' '} ${line}`)
      .join('\n');
  }

  /** Called by whoever closes the screen, and then once more by listr2. */
  override end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    super.end();
  }

  override update(): void {
    if (!this.#hasEnded) super.update();
  }

  #above(write: () => void): void {
    this['updater'].clear();
    write();
    this.update();
  }
}

function terminalSize(): ScreenSize {
  const { columns, rows } = process.stdout;
  return { columns: columns || 80, rows: rows || 24 };
}

/** While frames are drawn, what is written to stdout and stderr goes above them, at once. */
class SharedOutput extends ProcessOutput {
  #show: (write: () => void) => void = (write) => write();
  #restore: (() => void)[] = [];

  /** @param show is called for every text; it makes room and calls back */
  onText(show: (write: () => void) => void): void {
    this.#show = show;
  }

  override hijack(): void {
    this.toStdout(HIDE_CURSOR, false);
    this.#restore = [process.stdout, process.stderr].map((stream) => this.#redirect(stream));
  }

  override release(): void {
    for (const restore of this.#restore) restore();
    this.#restore = [];
    this.toStdout(SHOW_CURSOR, false);
  }

  #redirect(stream: NodeJS.WriteStream): () => void {
    const original = stream.write;
    const write = (...args: Parameters<typeof original>): boolean => {
      const [chunk] = args as [unknown];
      // The cursor is hidden and shown through stderr: that moves nothing.
      const isCursor = chunk === HIDE_CURSOR || chunk === SHOW_CURSOR;
      if (isCursor) return original.apply(stream, args);
      this.#show(() => void original.apply(stream, args));
      return true;
    };
    stream.write = write as typeof original;
    return () => {
      stream.write = original;
    };
  }
}
