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

/** A name given twice keeps the last value, as in GitHub Actions. A byte order mark is not read. */
export function parseOutputs(text: string): ParsedOutputs {
  const outputs = new Map<string, string>();
  const lines = text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n/g, '\n')
    .split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    // An environment cannot hold it, so the step that is handed the value could not even start.
    if (line.includes('\0')) return problem(at, 'holds a NUL');
    const split = /^([^=<]*)(=|<<)(.*)$/s.exec(line);
    const name = split?.[1] ?? '';
    if (split === null || !NAME.test(name)) return problem(at, 'is not `name=value`');
    if (split[2] === '=') {
      outputs.set(name, split[3] ?? '');
      continue;
    }
    const delimiter = split[3] ?? '';
    const end = lines.indexOf(delimiter, at + 1);
    if (delimiter === '' || end === -1)
      return problem(at, `has no end: a line that is only ${JSON.stringify(shown(delimiter))}`);
    const value = lines.slice(at + 1, end);
    const withNul = value.findIndex((each) => each.includes('\0'));
    if (withNul !== -1) return problem(at + 1 + withNul, 'holds a NUL');
    outputs.set(name, value.join('\n'));
    at = end;
  }
  return { ok: true, outputs: Object.fromEntries(outputs) };
}

/** What a process wrote goes into the journal with the problem, and may be of any length. */
function shown(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function problem(index: number, what: string): ParsedOutputs {
  return { ok: false, problem: `line ${index + 1} of $ORCH_OUTPUT ${what}` };
}
