/** Parsers for option values that several commands share. */
import { InvalidArgumentError, Option } from 'commander';

/** `name=value` pairs gathered into one object; the last of a name wins. */
export function collectPair(
  text: string,
  pairs: Record<string, string> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give it as name=value.');
  return { ...pairs, [text.slice(0, at)]: text.slice(at + 1) };
}

/** A whole number from 1. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1.');
  return Number(text);
}

/** A whole number from 0. */
export function parseIndex(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 0.');
  return Number(text);
}

/** Names of the built-in strategies, in help and completion only: config.yaml may define more. */
export function strategyOption(): Option {
  const option = new Option('--strategy <name>', 'how waves are cut; also one of config.yaml');
  option.argChoices = ['auto', 'progressive', 'systematic', 'adaptive', 'enterprise'];
  return option;
}
