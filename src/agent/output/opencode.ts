/**
 * `opencode run --format json`. It has no event for its end: it is done when its last step finished with
 * the reason `stop`, and no error came after.
 */
import type { AgentProgress } from '../report.ts';
import { amountAt, type JsonObject, objectAt, textAt } from './json-values.ts';
import { detailOf, noteSession, readerOf, type Sheet } from './protocol.ts';

export const readOpencode = () => readerOf(note);

function note(event: JsonObject, sheet: Sheet): readonly AgentProgress[] {
  noteSession(sheet, textAt(event, 'sessionID'));
  const part = objectAt(event, 'part');
  switch (event['type']) {
    case 'step_start':
      delete sheet.verdict;
      return [];
    case 'text': {
      const text = textAt(part, 'text');
      if (text === undefined) return [];
      sheet.message = text;
      return [{ kind: 'message', text }];
    }
    case 'tool_use': {
      const tool = textAt(part, 'tool');
      if (tool === undefined) return [];
      return [{ kind: 'tool', tool, detail: detailOf(objectAt(objectAt(part, 'state'), 'input')) }];
    }
    case 'step_finish':
      noteStep(part, sheet);
      return [];
    case 'error': {
      const error = objectAt(event, 'error');
      const words = textAt(objectAt(error, 'data'), 'message') ?? textAt(error, 'name');
      const status = amountAt(objectAt(error, 'data'), 'statusCode');
      sheet.verdict = { text: `${words ?? 'it failed'}${status > 0 ? ` (${status})` : ''}` };
      return [];
    }
    default:
      return [];
  }
}

function noteStep(part: JsonObject, sheet: Sheet): void {
  const tokens = objectAt(part, 'tokens');
  const cache = objectAt(tokens, 'cache');
  sheet.inputTokens +=
    amountAt(tokens, 'input') + amountAt(cache, 'read') + amountAt(cache, 'write');
  sheet.outputTokens += amountAt(tokens, 'output') + amountAt(tokens, 'reasoning');
  const usd = amountAt(part, 'cost');
  if (usd > 0) sheet.usd = (sheet.usd ?? 0) + usd;
  if (part['reason'] === 'stop') sheet.verdict = 'done';
}
