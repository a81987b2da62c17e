/** `gemini -o stream-json`. Its last word is `result`; what it says comes in pieces. */
import type { AgentProgress } from '../report.ts';
import { amountAt, type JsonObject, objectAt, textAt } from './json-values.ts';
import { detailOf, noteSession, readerOf, type Sheet } from './protocol.ts';

export function readGemini() {
  let saying = '';
  const said = (sheet: Sheet): readonly AgentProgress[] => {
    const text = saying.trim();
    saying = '';
    if (text === '') return [];
    sheet.message = text;
    return [{ kind: 'message', text }];
  };
  return readerOf((event, sheet) => {
    switch (event['type']) {
      case 'init':
        noteSession(sheet, textAt(event, 'session_id'));
        return [];
      case 'message':
        if (event['role'] !== 'assistant') return [];
        saying += textAt(event, 'content') ?? '';
        return event['delta'] === true ? [] : said(sheet);
      case 'tool_use':
        return [...said(sheet), ...toolOf(event)];
      case 'error': {
        const text = textAt(event, 'message');
        if (text !== undefined) sheet.error = text;
        return [];
      }
      case 'result': {
        const told = said(sheet);
        noteResult(event, sheet);
        return told;
      }
      default:
        return [];
    }
  });
}

function toolOf(event: JsonObject): readonly AgentProgress[] {
  const tool = textAt(event, 'tool_name');
  if (tool === undefined) return [];
  return [{ kind: 'tool', tool, detail: detailOf(objectAt(event, 'parameters')) }];
}

function noteResult(event: JsonObject, sheet: Sheet): void {
  const stats = objectAt(event, 'stats');
  sheet.inputTokens = amountAt(stats, 'input_tokens');
  sheet.outputTokens = amountAt(stats, 'output_tokens');
  const words = textAt(objectAt(event, 'error'), 'message') ?? sheet.error;
  sheet.verdict = event['status'] === 'success' ? 'done' : { text: words ?? 'it failed' };
}
