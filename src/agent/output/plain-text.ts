/**
 * A program that prints text for people: aider, and any command of the user's. Its exit code says whether it
 * failed; why, its last words may.
 */
import { classifyFailure } from '../classify.ts';
import type { AgentReport, OutputReader } from '../report.ts';

/** Of what it prints so much is kept, from the end. */
const KEPT_CHARACTERS = 16 << 10;
const NO_USAGE = { input_tokens: 0, output_tokens: 0 };

export function readPlainText(): OutputReader {
  const decoder = new TextDecoder();
  let text = '';
  return {
    push(chunk) {
      text = `${text}${decoder.decode(chunk, { stream: true })}`.slice(-KEPT_CHARACTERS);
      return [];
    },
    end({ exitCode, stderr, nowMs }): AgentReport {
      const summary = lastParagraph(`${text}${decoder.decode()}`);
      const said = { hasVerdict: false, usage: NO_USAGE, ...(summary !== '' && { summary }) };
      if (exitCode === 0) return said;
      const failure = classifyFailure(
        stderr.trim() === '' ? summary : lastParagraph(stderr),
        nowMs,
      );
      // What is no more than "it failed" the exit code says better.
      return failure.kind === 'agent' ? said : { ...said, failure };
    },
  };
}

function lastParagraph(text: string): string {
  return (
    text
      .trim()
      .split(/\r?\n\s*\r?\n/)
      .at(-1)
      ?.trim() ?? ''
  );
}
