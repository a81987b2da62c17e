/**
 * Sizes as people write them (`10MB`, `2G`), strictly: a bare number is refused, and a fraction of a
 * byte too. A KB is 1024 bytes, as for the `bytes` package that does the arithmetic.
 */
import bytes from 'bytes';

/** Source of the accepted form, for JSON Schemas too. */
export const SIZE_PATTERN = '^\\d{1,9}(?:\\.\\d{1,9})? ?(?:[Bb]|[KkMmGgTt](?:i?[Bb])?)$';
const SIZE = new RegExp(SIZE_PATTERN);

/** Bytes, rounded down; undefined when the text is not a size such as `10MB`, or is too large to count. */
export function parseSize(text: string): number | undefined {
  if (!SIZE.test(text)) return undefined;
  const [, number = '', unit = ''] = /^([\d.]+) ?([A-Za-z])/.exec(text) ?? [];
  const isBytes = unit.toLowerCase() === 'b';
  if (isBytes && number.includes('.')) return undefined;
  const sizeBytes = isBytes ? Number(number) : bytes.parse(`${number}${unit}B`);
  return sizeBytes !== null && Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}

/** `10MB`, `1.5KB`, `0B`: at most two decimals, so only round sizes come back exactly. */
export function formatSize(sizeBytes: number): string {
  const text = sizeBytes >= 0 ? bytes.format(sizeBytes) : null;
  if (text === null) throw new Error(`not a size: ${sizeBytes}`);
  return text;
}
