/** `orch salvage` as lines: one entry for each piece of work that is in no result. */
import { plural, stripControl } from '../base/text.ts';
import { namePaths } from '../checkpoint/rollback.ts';
import { nextLine, type Reader } from './next-line.ts';
import { shellWord } from './summary-text.ts';

/** One piece of work, as engine/salvage.ts finds it. */
export interface SalvageLine {
  readonly run: string;
  readonly name: string;
  readonly kind: string;
  readonly reason: { readonly kind: string; readonly message: string };
  readonly pin: { readonly ref: string; readonly commit: string } | null;
  readonly files: readonly { readonly path: string }[];
  readonly leftOut: { readonly folder: string; readonly paths: readonly string[] } | null;
}

export function salvageText(
  items: readonly SalvageLine[],
  silent: readonly { readonly run: string; readonly why: string }[],
  reader: Reader,
): string {
  const lines = silent.map(
    ({ run, why }) =>
      `${run}: ${stripControl(why)}; what its merges, its branch and HEAD do not have is listed`,
  );
  let run: string | undefined;
  for (const item of items) {
    if (item.run !== run) lines.push(item.run);
    run = item.run;
    lines.push(...entry(item));
  }
  const first = items.find(({ pin }) => pin !== null);
  const next = first && `orch salvage ${first.run} ${shellWord(first.name)} --diff, or --apply`;
  if (items.length === 0) lines.push('nothing is left over: all that was pinned is in a result');
  return [...lines, ...nextLine(reader, next ?? null)].join('\n');
}

function entry({ name, reason, pin, files, leftOut }: SalvageLine): string[] {
  const why = `${reason.kind}: ${reason.message}`.replace(/\s+/g, ' ');
  return [
    `  ${stripControl(name)}  ${stripControl(why)}`,
    ...(pin === null
      ? []
      : [
          `    ${pin.commit.slice(0, 12)}  ${stripControl(pin.ref)}`,
          `    ${plural(files.length, 'file')} changed${files.length === 0 ? '' : `: ${named(files)}`}`,
        ]),
    ...(leftOut === null
      ? []
      : [`    not in the commit: ${namePaths(leftOut.paths)}, in ${stripControl(leftOut.folder)}`]),
  ];
}

function named(files: SalvageLine['files']): string {
  return namePaths(files.map(({ path }) => path));
}
