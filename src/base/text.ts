/**
 * Words about text that every room needs: the near miss of a mistyped name, the width a text takes on
 * a terminal, and text of strangers made harmless for one.
 *
 * Width is what terminals do, not what fonts do: wide East Asian characters and emoji take two
 * columns, combining marks none (Unicode UAX #11). Tabs are the caller's business, because their
 * width depends on where they stand.
 */

const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}]/u;
const NARROW_ONLY = /^[\x20-\x7e]*$/;
const ZERO_WIDTH = /^[\p{M}\p{Cf}]$/u;
/** C0, DEL and C1 controls, and the marks that turn text around or hide it on a screen. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

let segmenter: Intl.Segmenter | undefined;

/** What a reader sees as characters: a base with its marks, a joined emoji. */
function* graphemesOf(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  for (const { segment } of segmenter.segment(text)) yield segment;
}

function widthOfGrapheme(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2;
  return ZERO_WIDTH.test(grapheme) ? 0 : 1;
}

/** Columns the text takes on a terminal; controls count as one, since stripControl shows them so. */
export function displayWidth(text: string): number {
  if (NARROW_ONLY.test(text)) return text.length;
  let width = 0;
  for (const grapheme of graphemesOf(text)) width += widthOfGrapheme(grapheme);
  return width;
}

/** The text cut to at most `maxWidth` columns, the last of them an ellipsis when something is missing. */
export function clipToWidth(text: string, maxWidth: number): string {
  if (text.length <= maxWidth && NARROW_ONLY.test(text)) return text;
  if (maxWidth < 1) return '';
  let clipped = '';
  let width = 0;
  let lengthBeforeEllipsis = 0;
  for (const grapheme of graphemesOf(text)) {
    width += widthOfGrapheme(grapheme);
    if (width > maxWidth) return `${clipped.slice(0, lengthBeforeEllipsis)}…`;
    clipped += grapheme;
    if (width <= maxWidth - 1) lengthBeforeEllipsis = clipped.length;
  }
  return clipped;
}

/** The same, but the last `tailWidth` columns stay, and the ellipsis stands before them. */
export function clipMiddle(text: string, maxWidth: number, tailWidth: number): string {
  const width = displayWidth(text);
  if (width <= maxWidth) return text;
  const tail: string[] = [];
  let room = Math.min(tailWidth, maxWidth - 1);
  for (const grapheme of [...graphemesOf(text)].reverse()) {
    room -= widthOfGrapheme(grapheme);
    if (room < 0) break;
    tail.unshift(grapheme);
  }
  const end = tail.join('');
  return `${clipToWidth(text, maxWidth - displayWidth(end))}${end}`;
}

/**
 * Text of strangers for a terminal: every character that could move the cursor, change colours or
 * reorder what is read becomes a visible U+FFFD. Tabs stay; line ends go, so give it one line.
 */
export function stripControl(text: string): string {
  return text.replace(CONTROL, '\ufffd');
}

/** As stripControl, for text of several lines; they all end in a line feed alone then. */
export function stripControlInLines(text: string): string {
  return text
    .split(/\r\n|\n/)
    .map(stripControl)
    .join('\n');
}

/** `1 step`, `2 steps`; give the plural where an "s" is not enough. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c`; the last word is the caller's. */
export function joinWords(words: readonly string[], last: 'and' | 'or'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}

/**
 * The candidate that was most likely meant: at most a third of the word away (one change for short
 * words, three for long ones), upper and lower case alike. The first candidate wins a tie.
 * @returns undefined when nothing is near enough, and for words of more than 64 characters
 */
export function closestMatch(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > 64) return undefined;
  const wanted = word.toLowerCase();
  let limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  let best: string | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit || candidate === word) continue;
    const distance = editDistance(wanted, candidate.toLowerCase(), limit);
    if (distance > limit || (best !== undefined && distance === limit)) continue;
    best = candidate;
    limit = distance;
    if (distance === 0) break;
  }
  return best;
}

/**
 * Optimal string alignment: insertions, deletions, changes and swaps of neighbours, each letter moved
 * at most once. Gives `limit + 1` as soon as a whole row is above the limit.
 * @see Damerau, "A technique for computer detection and correction of spelling errors", CACM 7(3), 1964
 */
export function editDistance(left: string, right: string, limit: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? cost) + 1);
      }
      current.push(cost);
      least = Math.min(least, cost);
    }
    if (least > limit) return limit + 1;
    beforeLast = last;
    last = current;
  }
  return Math.min(limit + 1, last[right.length] ?? 0);
}

/** A text between lines of `~`, more of them than it holds anywhere itself, so that it cannot end the quotation. */
export function fenced(text: string): string {
  const longest = Math.max(3, ...(text.match(/~+/g) ?? []).map((run) => run.length));
  const fence = '~'.repeat(longest + 1);
  return `${fence}\n${text.trimEnd()}\n${fence}`;
}
