/** Colour for the words that tell how something stands; everything else stays plain. */
import type { CliContext } from './context.ts';

const COLOURS: Readonly<Record<string, number>> = {
  passed: 32,
  running: 36,
  waiting: 33,
  interrupted: 33,
  cancelled: 33,
  skipped: 90,
  failed: 31,
};

/** The text in its colour when it is the name of a status, unchanged otherwise. */
export function paintStatus(context: Pick<CliContext, 'color'>, text: string): string {
  const colour = Object.hasOwn(COLOURS, text) ? COLOURS[text] : undefined;
  return context.color && colour !== undefined ? `\x1b[${colour}m${text}\x1b[0m` : text;
}

/** Bold, where there are colours. */
export function paintHead(context: Pick<CliContext, 'color'>, text: string): string {
  return context.color ? `\x1b[1m${text}\x1b[0m` : text;
}
