/**
 * What the readers of all programs share: a sheet on which the events of an agent are noted, and the
 * verdict that is read off it. A program's own file says what its events mean.
 *
 * The verdict is the agent's last word. Without one it has failed, whatever its exit code.
 */
import { classifyFailure, oneLine } from '../classify.ts';
import type {
  AgentEnd,
  AgentFailureKind,
  AgentProgress,
  AgentReport,
  OutputReader,
} from '../report.ts';
import { JsonLines } from './json-lines.ts';
import { type JsonObject, textAt } from './json-values.ts';

export interface Sheet {
  session?: string;
  usd?: number;
  inputTokens: number;
  outputTokens: number;
  /** Its last message. */
  message?: string;
  /** Its last word. */
  verdict?: 'done' | Reason;
  /** What it said of errors before its last word. */
  error?: string;
}

export interface Reason {
  readonly text: string;
  /** Where the program itself says it. */
  readonly kind?: AgentFailureKind;
}

/** @param session undefined when the event names none */
export function noteSession(sheet: Sheet, session: string | undefined): void {
  if (session !== undefined) sheet.session = session;
}

/** What a tool is used for: its first argument that says it best. */
export function detailOf(input: JsonObject): string {
  const said = DETAILS.map((key) => textAt(input, key)).find((text) => text !== undefined);
  return said ?? '';
}

const DETAILS = [
  'command',
  'file_path',
  'filePath',
  'path',
  'pattern',
  'query',
  'url',
  'description',
];

/** Notes one event. @returns what people are told of it; usage is told by itself */
export type NoteEvent = (event: JsonObject, sheet: Sheet) => readonly AgentProgress[];

const NOTHING_SAID = 'it ended without saying that it was done';

/** @param hasVerdict false for a program whose last word nobody knows for certain */
export function readerOf(noteEvent: NoteEvent, hasVerdict = true): OutputReader {
  const lines = new JsonLines();
  const sheet: Sheet = { inputTokens: 0, outputTokens: 0 };
  const note = (event: JsonObject): readonly AgentProgress[] => {
    const before = sheet.inputTokens + sheet.outputTokens;
    const told = noteEvent(event, sheet);
    if (sheet.inputTokens + sheet.outputTokens === before) return told;
    return [...told, { kind: 'usage', usage: usageOf(sheet) }];
  };
  return {
    push: (chunk) => lines.push(chunk).flatMap(note),
    end(end) {
      lines.end().flatMap(note);
      return reportOf(sheet, end, hasVerdict);
    },
  };
}

function usageOf({ usd, inputTokens, outputTokens }: Sheet) {
  return {
    ...(usd !== undefined && { usd }),
    input_tokens: inputTokens,
    output_tokens: outputTokens,
  };
}

function reportOf(sheet: Sheet, end: AgentEnd, hasVerdict: boolean): AgentReport {
  const { session, message } = sheet;
  const failure = failureOf(sheet, end, hasVerdict);
  return {
    hasVerdict,
    usage: usageOf(sheet),
    ...(failure && { failure }),
    ...(session !== undefined && { session }),
    ...(message !== undefined && { summary: message }),
  };
}

function failureOf(
  { verdict, error }: Sheet,
  { exitCode, stderr, nowMs }: AgentEnd,
  hasVerdict: boolean,
): AgentReport['failure'] {
  if (verdict === 'done' || (!hasVerdict && exitCode === 0)) return undefined;
  if (verdict !== undefined) {
    const { text, kind } = verdict;
    const found = classifyFailure(text, nowMs);
    return kind === undefined ? found : { ...found, kind, message: oneLine(text) };
  }
  const last = error ?? lastLines(stderr);
  if (last === '') return { kind: 'incomplete', message: NOTHING_SAID };
  return classifyFailure(last, nowMs, 'incomplete');
}

const STDERR_LINES = 12;

function lastLines(stderr: string): string {
  return stderr.trim().split('\n').slice(-STDERR_LINES).join('\n');
}
