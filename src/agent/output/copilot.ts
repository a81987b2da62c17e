/**
 * `copilot --output-format json`: lines of JSON whose shape is not documented. Whatever looks like a
 * message of the assistant is taken for one; whether it has failed its exit code says.
 */
import { objectAt, textAt } from './json-values.ts';
import { noteSession, readerOf } from './protocol.ts';

export const readCopilot = () =>
  readerOf((event, sheet) => {
    noteSession(sheet, textAt(event, 'sessionId') ?? textAt(event, 'session_id'));
    const type = textAt(event, 'type') ?? '';
    const data = objectAt(event, 'data');
    const text = textAt(event, 'content') ?? textAt(data, 'content') ?? textAt(event, 'text');
    if (/error/i.test(type)) {
      sheet.error = textAt(event, 'message') ?? textAt(data, 'message') ?? text ?? type;
      return [];
    }
    const isOwn = /assistant/i.test(type) || event['role'] === 'assistant';
    if (!isOwn || text === undefined) return [];
    sheet.message = text;
    return [{ kind: 'message', text }];
  }, false);
