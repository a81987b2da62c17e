/** The work of `orch salvage`. */
import { OrchError } from '../../base/errors.ts';
import { plural } from '../../base/text.ts';
import { RECORDS_FOLDER } from '../../checkpoint/layout.ts';
import { namePaths } from '../../checkpoint/rollback.ts';
import { applySalvage } from '../../engine/apply-salvage.ts';
import { loadConfig } from '../../engine/load-definition.ts';
import { listSalvage, pickItem, type SalvageItem } from '../../engine/salvage.ts';
import { nextLine } from '../../view/next-line.ts';
import { salvageText } from '../../view/salvage-text.ts';
import { DEFAULT_MAX_FILE_SIZE_BYTES } from '../../workflow/settings.ts';
import type { CliContext } from '../context.ts';
import { openProject, type Project } from '../open-project.ts';

export interface SalvageOptions {
  readonly diff?: boolean;
  readonly apply?: boolean;
}

type Picked = ReturnType<typeof pickItem>;

export async function salvageCommand(
  context: CliContext,
  meant: string | undefined,
  what: string | undefined,
  options: SalvageOptions,
): Promise<void> {
  if ((options.diff || options.apply) && what === undefined) {
    throw new OrchError('ORCH_USAGE', 'nothing is named to look at or to apply', {
      fix: 'orch salvage <run> <step> --diff; what there is: orch salvage',
    });
  }
  const project = await openProject(context);
  const { items, silent } = await listSalvage(project.ports, project.git, meant);
  if (what === undefined) return printList(context, items, silent);
  const item = pickItem(items, items[0]?.run ?? meant ?? '', what);
  if (options.apply) return await applyItem(context, project, item);
  if (options.diff) return await printDiff(context, project, item);
  printList(context, [item], silent);
}

function printList(
  context: CliContext,
  items: readonly SalvageItem[],
  silent: Parameters<typeof salvageText>[1],
): void {
  context.printResult(
    () => ({ items: items.map(document), silent }),
    () => salvageText(items, silent, context),
  );
}

function document({ run, name, kind, step, attempt, reason, pin, files, leftOut }: SalvageItem) {
  return {
    run,
    name,
    kind,
    step,
    attempt,
    why: { kind: reason.kind, message: reason.message },
    ref: pin?.ref ?? null,
    commit: pin?.commit ?? null,
    base: pin?.base ?? null,
    files,
    left_out: leftOut,
  };
}

async function printDiff(context: CliContext, { git }: Project, item: Picked): Promise<void> {
  const { base, commit } = item.pin;
  const diff = await git.diffText(base, commit, {
    color: context.color,
    stat: false,
    exclude: [RECORDS_FOLDER],
  });
  context.printResult(
    () => ({ ...document(item), diff }),
    () => diff,
  );
}

async function applyItem(context: CliContext, project: Project, item: Picked): Promise<void> {
  const { ports, git } = project;
  const { run, name, step, attempt, pin } = item;
  const config = loadConfig(ports.files, git.repository.worktree);
  const { files, rescue, finished } = await applySalvage(ports, git, {
    run,
    name,
    commit: pin.commit,
    base: pin.base,
    maxFileSizeBytes: config.checkpoint.maxFileSizeBytes ?? DEFAULT_MAX_FILE_SIZE_BYTES,
  });
  const begun = finished ? 'finished applying' : 'applied';
  const { commit, ref } = pin;
  context.printResult(
    () => ({ run, name, step, attempt, commit, ref, rescue, files, finished }),
    () =>
      rescue === null
        ? `your work tree has all that ${name} of ${run} changed: nothing was done`
        : [
            `${begun} ${name} of ${run}: ${plural(files.length, 'file')}: ${namePaths(files)}`,
            `  before: ${rescue}`,
            ...nextLine(context, `git diff ${rescue}`, '  '),
          ].join('\n'),
  );
}
