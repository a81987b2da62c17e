/**
 * What kind of failure an agent speaks of. Only what an agent says of its own end is asked about here,
 * never what a tool printed: a test that prints "429" is no rate limit.
 */
import { stripControl } from '../base/text.ts';
import type { AgentFailure, AgentFailureKind } from './report.ts';
import { resetTimeOf } from './reset-time.ts';

const MAX_MESSAGE_CHARACTERS = 500;

/** A number that stands for an HTTP status: by itself, and counting nothing. */
function status(...codes: readonly string[]): string {
  return `(?<![\\w.:/#-])(?:${codes.join('|')})\\b(?![.:/-]?\\w|\\s+(?:bytes|files|lines|ms|s|tokens|tests))`;
}

/** In this order: an exhausted account answers with 429 too, and no waiting helps there. */
const SIGNS: readonly (readonly [kind: AgentFailureKind, sign: RegExp])[] = [
  [
    'budget',
    /max[-_ ]?budget|budget (?:was |is |has been )?(?:exceeded|exhausted|spent|reached)|credit balance|insufficient[_ ](?:quota|credits?|funds|balance)|billing|payment required|out of credits/i,
  ],
  [
    'context',
    /context[ _-]?(?:length|window|limit|size)|maximum context|prompt is too long|prompt too long|too many (?:input )?tokens|input (?:is )?too (?:long|large)|exceeds? the (?:model'?s )?(?:token|context) limit/i,
  ],
  [
    'rate_limit',
    new RegExp(
      `${status('429', '529')}|rate[ _-]?limit|too many requests|usage limit|hit your (?:\\w+ )?limit|limit reached|quota|resource[_ ]exhausted|overloaded`,
      'i',
    ),
  ],
  [
    'auth',
    new RegExp(
      `${status('401', '403')}|unauthori[sz]ed|forbidden|authenticat|(?:invalid|incorrect|missing|expired|no) (?:api[ _-]?)?(?:key|token|credentials)|not logged in|log ?in (?:first|again|required|to)|please (?:run )?/?login|permission denied: api`,
      'i',
    ),
  ],
  [
    'api',
    new RegExp(
      `${status('500', '502', '503', '504', '520', '522', '524')}|internal server error|bad gateway|service unavailable|gateway time-?out|connection (?:error|refused|reset|closed)|connect to api|fetch failed|network|socket|stream (?:disconnected|closed|error|ended)|econn\\w+|etimedout|enotfound|eai_again|timed? ?out|unable to connect|error sending request|high demand|temporar(?:y error|ily unavailable)`,
      'i',
    ),
  ],
];

/** @param otherwise what it is when nothing tells */
export function classifyFailure(
  text: string,
  nowMs: number,
  otherwise: 'agent' | 'incomplete' = 'agent',
): AgentFailure {
  const kind = SIGNS.find(([, sign]) => sign.test(text))?.[0] ?? otherwise;
  const resetAtMs = kind === 'rate_limit' ? resetTimeOf(text, nowMs) : undefined;
  return { kind, message: oneLine(text), ...(resetAtMs !== undefined && { resetAtMs }) };
}

export function oneLine(text: string): string {
  const line = stripControl(text.replace(/\s+/g, ' ')).trim();
  return line.length <= MAX_MESSAGE_CHARACTERS
    ? line
    : `${line.slice(0, MAX_MESSAGE_CHARACTERS - 1)}…`;
}
