/** The id of a step where there is little room. */
import { clipMiddle, displayWidth } from '../base/text.ts';

/** What is left of the name before the label of an instance. */
const HEAD_WIDTH = 4;

/** Cut in the middle; the label of a matrix instance, which tells it from its siblings, goes last. */
export function clipId(id: string, maxWidth: number): string {
  const label = /(?<=\S)\(.*\)$/.exec(id)?.[0];
  const half = Math.floor((maxWidth - 1) / 2);
  const tail = label === undefined ? half : Math.min(displayWidth(label), maxWidth - HEAD_WIDTH);
  return clipMiddle(id, maxWidth, Math.max(half, tail));
}
