/**
 * `claude -p --output-format stream-json`, and the programs that print the same: qwen, and cursor with
 * its own event for tools. The last word is `result`. Errors of qwen's API come as a result that is none:
 * text in brackets, `is_error: false`, exit code 0.
 */
import type { AgentFailureKind, AgentProgress } from '../report.ts';
import { amountAt, asObject, type JsonObject, listAt, objectAt, textAt } from './json-values.ts';
import { detailOf, noteSession, readerOf, type Sheet } from './protocol.ts';

/** Of more messages the usage is told by the result alone. */
const MAX_MESSAGES = 10_000;

const KINDS: Readonly<Record<string, AgentFailureKind>> = {
  error_max_budget_usd: 'budget',
  error_max_turns: 'agent',
};

export function readClaude() {
  const spent = new Map<string, JsonObject>();
  return readerOf((event, sheet) => {
    noteSession(sheet, textAt(event, 'session_id'));
    switch (event['type']) {
      case 'assistant':
        return noteMessage(event, sheet, spent);
      case 'tool_call':
        return event['subtype'] === 'started' ? cursorTool(objectAt(event, 'tool_call')) : [];
      case 'result':
        noteResult(event, sheet);
        return [];
      default:
        return [];
    }
  });
}

function noteMessage(
  event: JsonObject,
  sheet: Sheet,
  spent: Map<string, JsonObject>,
): readonly AgentProgress[] {
  const message = objectAt(event, 'message');
  const id = textAt(message, 'id');
  // One message comes in several events, each with the usage so far.
  if (id !== undefined && (spent.has(id) || spent.size < MAX_MESSAGES)) {
    const before = spent.get(id) ?? {};
    const usage = objectAt(message, 'usage');
    spent.set(id, usage);
    sheet.inputTokens += inputOf(usage) - inputOf(before);
    sheet.outputTokens += amountAt(usage, 'output_tokens') - amountAt(before, 'output_tokens');
  }
  return listAt(message, 'content').flatMap((part): readonly AgentProgress[] => {
    const text = textAt(part, 'text');
    if (asObject(part)?.['type'] === 'text' && text !== undefined) {
      sheet.message = text;
      return [{ kind: 'message', text }];
    }
    const tool = textAt(part, 'name');
    if (asObject(part)?.['type'] !== 'tool_use' || tool === undefined) return [];
    return [{ kind: 'tool', tool, detail: detailOf(objectAt(part, 'input')) }];
  });
}

function noteResult(event: JsonObject, sheet: Sheet): void {
  const usage = objectAt(event, 'usage');
  if (inputOf(usage) + amountAt(usage, 'output_tokens') > 0) {
    sheet.inputTokens = inputOf(usage);
    sheet.outputTokens = amountAt(usage, 'output_tokens');
  }
  const usd = amountAt(event, 'total_cost_usd');
  if (usd > 0) sheet.usd = usd;
  const text = textAt(event, 'result');
  const subtype = textAt(event, 'subtype') ?? 'success';
  const isError = event['is_error'] === true || subtype !== 'success';
  if (isError || /^\[API Error/.test(text ?? '')) {
    const kind = KINDS[subtype];
    const words = text ?? textAt(objectAt(event, 'error'), 'message') ?? subtype;
    sheet.verdict = { text: words, ...(kind !== undefined && { kind }) };
    return;
  }
  if (text !== undefined) sheet.message = text;
  sheet.verdict = 'done';
}

function inputOf(usage: JsonObject): number {
  return (
    amountAt(usage, 'input_tokens') +
    amountAt(usage, 'cache_creation_input_tokens') +
    amountAt(usage, 'cache_read_input_tokens')
  );
}

/** `{"shellToolCall": {"args": {"command": ...}}}` */
function cursorTool(call: JsonObject): readonly AgentProgress[] {
  const [tool] = Object.keys(call);
  if (tool === undefined) return [];
  return [{ kind: 'tool', tool, detail: detailOf(objectAt(call[tool], 'args')) }];
}
