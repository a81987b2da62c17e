/**
 * What a step hands on: the file it wrote to $ORCH_OUTPUT, in the format of GitHub Actions
 * (`name=value` lines, or `name<<DELIMITER`, lines, `DELIMITER`).
 *
 * The text comes from a process, so everything is bounded and nothing is interpreted.
 */
export const MAX_OUTPUT_BYTES = 1024 * 1024;

export type ParsedOutputs =
  | { readonly ok: true; readonly outputs: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: string };

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/;

/** A name given twice keeps the last value, as in GitHub Actions. */
export function parseOutputs(text: string): ParsedOutputs {
  const outputs = new Map<string, string>();
  const lines = text.replace(/\r\n/g, '\n').split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const split = /^([^=<]*)(=|<<)(.*)$/s.exec(line);
    const name = split?.[1] ?? '';
    if (split === null || !NAME.test(name)) return problem(at, 'is not `name=value`');
    if (split[2] === '=') {
      outputs.set(name, split[3] ?? '');
      continue;
    }
    const end = lines.indexOf(split[3] ?? '', at + 1);
    if (split[3] === '' || end === -1)
      return problem(at, `has no end: a line that is only ${JSON.stringify(split[3])}`);
    outputs.set(name, lines.slice(at + 1, end).join('\n'));
    at = end;
  }
  return { ok: true, outputs: Object.fromEntries(outputs) };
}

function problem(index: number, what: string): ParsedOutputs {
  return { ok: false, problem: `line ${index + 1} of $ORCH_OUTPUT ${what}` };
}
