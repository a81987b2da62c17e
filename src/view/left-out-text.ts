/** Files that a checkpoint does not hold, for people: which, and why. */
import { plural, stripControl } from '../base/text.ts';
import type { LeftOutFile } from '../run/events.ts';

const REASONS: Readonly<Record<string, string>> = {
  too_large: 'larger than checkpoint.max_file_size',
  nested_repository: 'a git repository of its own',
  newly_unignored: 'ignored when the run began',
  unreadable: 'cannot be read',
  secret: 'looks like a secret',
  assume_unchanged: 'tracked, and git was told to assume it unchanged',
  skip_worktree: 'tracked, and git was told to skip it in the work tree',
};
const NAMED_MAX = 5;

/** `big.bin (larger than checkpoint.max_file_size), lib (a git repository of its own)` */
export function leftOutText(files: readonly LeftOutFile[]): string {
  const named = files
    .slice(0, NAMED_MAX)
    .map(
      ({ path, reason }) => `${stripControl(path)} (${REASONS[reason] ?? stripControl(reason)})`,
    );
  const more = files.length - named.length;
  return [...named, ...(more > 0 ? [`and ${plural(more, 'other')}`] : [])].join(', ');
}
