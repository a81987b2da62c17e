/**
 * `cn --format json`: one object at the end, and nothing else. An error is one too, on standard error,
 * where it is found like any other.
 */
import { textAt } from './json-values.ts';
import { readerOf } from './protocol.ts';

export const readCn = () =>
  readerOf((event, sheet) => {
    const message = textAt(event, 'response');
    if (message !== undefined) sheet.message = message;
    if (event['status'] === 'success') sheet.verdict = 'done';
    else if (event['status'] === 'error')
      sheet.verdict = { text: textAt(event, 'message') ?? message ?? 'it failed' };
    return message === undefined ? [] : [{ kind: 'message', text: message }];
  });
