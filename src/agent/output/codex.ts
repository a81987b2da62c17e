/**
 * `codex exec --json`. Its last word is `turn.completed` or `turn.failed`; an item of the type `error` is
 * a warning, and an event `error` may be a connection that is tried again.
 */
import type { AgentProgress } from '../report.ts';
import { amountAt, type JsonObject, listAt, objectAt, textAt } from './json-values.ts';
import { noteSession, readerOf, type Sheet } from './protocol.ts';

export const readCodex = () => readerOf(note);

function note(event: JsonObject, sheet: Sheet): readonly AgentProgress[] {
  switch (event['type']) {
    case 'thread.started':
      noteSession(sheet, textAt(event, 'thread_id'));
      return [];
    case 'turn.started':
      delete sheet.verdict;
      return [];
    case 'item.started':
      return toolOf(objectAt(event, 'item'));
    case 'item.completed':
      return messageOf(objectAt(event, 'item'), sheet);
    case 'turn.completed': {
      const usage = objectAt(event, 'usage');
      sheet.inputTokens = amountAt(usage, 'input_tokens');
      sheet.outputTokens = amountAt(usage, 'output_tokens');
      sheet.verdict = 'done';
      return [];
    }
    case 'turn.failed': {
      const error = objectAt(event, 'error');
      sheet.verdict = { text: textAt(error, 'message') ?? sheet.error ?? 'the turn failed' };
      return [];
    }
    case 'error': {
      const text = textAt(event, 'message');
      if (text !== undefined) sheet.error = text;
      return [];
    }
    default:
      return [];
  }
}

function messageOf(item: JsonObject, sheet: Sheet): readonly AgentProgress[] {
  const text = textAt(item, 'text');
  if (item['type'] !== 'agent_message' || text === undefined) return [];
  sheet.message = text;
  return [{ kind: 'message', text }];
}

function toolOf(item: JsonObject): readonly AgentProgress[] {
  const tool = textAt(item, 'type');
  if (tool === undefined || tool === 'agent_message' || tool === 'reasoning') return [];
  const paths = listAt(item, 'changes').flatMap((change) => textAt(change, 'path') ?? []);
  const detail =
    textAt(item, 'command') ?? textAt(item, 'tool') ?? textAt(item, 'query') ?? paths.join(', ');
  return [{ kind: 'tool', tool, detail }];
}
