/**
 * JSON that ends in its own checksum: `{...,"crc":"1a2b3c4d"}`. It stays valid JSON on one line, so that
 * every tool can read it, and any flipped bit shows. A checksum is no proof of who wrote it.
 */
import { crc32 } from 'node:zlib';

const CRC_KEY = ',"crc":"';
/** `,"crc":"` + 8 hex digits + `"}` */
const TAIL_CHARS = CRC_KEY.length + 10;

/** @param value an object with at least one key */
export function encodeChecked(value: object): string {
  const body = JSON.stringify(value).slice(0, -1); // Without the closing brace: the checksum comes before it.
  return `${body}${CRC_KEY}${checksum(body)}"}`;
}

/** @returns undefined when the checksum does not fit, or what it covers is not JSON */
export function decodeChecked(text: string): unknown {
  const body = text.slice(0, -TAIL_CHARS);
  if (text.slice(-TAIL_CHARS) !== `${CRC_KEY}${checksum(body)}"}`) return undefined;
  try {
    return JSON.parse(`${body}}`);
  } catch {
    return undefined; // Nothing follows from where exactly it breaks.
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
