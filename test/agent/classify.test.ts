/** What agents and APIs say when they fail, by kind, and when a limit is lifted. */
import { describe, expect, test } from 'vitest';
import { classifyFailure } from '../../src/agent/classify.ts';
import { resetTimeOf } from '../../src/agent/reset-time.ts';

const NOW_MS = Date.UTC(2026, 10, 27, 12, 30);
const MINUTE_MS = 60_000;

describe('classifyFailure', () => {
  test.for([
    ['auth', 'unexpected status 401 Unauthorized: url: http://127.0.0.1:36185/v1/responses'],
    ['auth', '[API Error: 403 permission]'],
    ['auth', 'Not logged in. Please run `codex login`'],
    ['auth', 'Incorrect API key provided: sk-***'],
    ['rate_limit', 'unexpected status 429 Too Many Requests'],
    ['rate_limit', "You've hit your usage limit. Upgrade to Pro or try again in 3 days 2 hours."],
    ['rate_limit', 'RESOURCE_EXHAUSTED: Quota exceeded for requests per minute'],
    ['rate_limit', 'overloaded_error (529)'],
    [
      'budget',
      'You exceeded your current quota, please check your plan and billing details. (429)',
    ],
    ['budget', 'Your credit balance is too low to access the API'],
    ['budget', 'error_max_budget_usd'],
    ['context', "This model's maximum context length is 128000 tokens (400)"],
    ['context', 'prompt is too long: 210000 tokens > 200000 maximum'],
    ['api', 'unexpected status 500 Internal Server Error: fake 500'],
    ['api', 'stream disconnected before completion: error sending request'],
    ['api', 'Connection error.'],
    ['api', '[API Error: fetch failed (cause: ECONNRESET)]'],
    ['agent', 'I could not find the file'],
    ['agent', 'it ran 401 tests of which 3 failed'],
    ['agent', 'see /issues/429 and line 1401'],
    ['agent', 'wrote 500 lines to a.ts'],
  ] as const)('%s: %s', ([kind, text]) => {
    expect(classifyFailure(text, NOW_MS).kind).toBe(kind);
  });

  test('keeps one bounded line without control characters', () => {
    const { message } = classifyFailure(`a\n\u001b[31mb${'x'.repeat(9_000)}`, NOW_MS);
    expect(message.length).toBe(500);
    expect(message).toMatch(/^a \ufffd\[31mb/);
  });
});

describe('resetTimeOf', () => {
  const later = (ms: number) => NOW_MS + ms;
  test.for([
    { text: 'try again in 5m 30s', atMs: later(330_000) },
    { text: 'try again in 1.5s.', atMs: later(1_500) },
    { text: 'Please retry after 20 seconds', atMs: later(20_000) },
    { text: 'Retry-After: 120', atMs: later(120_000) },
    { text: '"retryDelay": "37s"', atMs: later(37_000) },
    {
      text: 'try again in 3 days, 2 hours and 1 minute',
      atMs: later(((3 * 24 + 2) * 60 + 1) * MINUTE_MS),
    },
    { text: 'in 250ms', atMs: later(250) },
    { text: `limit reached|${NOW_MS / 1000 + 90}`, atMs: later(90_000) },
    { text: `"resets_at": ${NOW_MS / 1000 + 90}`, atMs: later(90_000) },
    { text: 'blocked until 2026-11-27T13:00:00Z', atMs: later(30 * MINUTE_MS) },
    { text: 'your limit resets 3pm (UTC)', atMs: later(150 * MINUTE_MS) },
    { text: 'resets at 12:31 PM (UTC)', atMs: later(MINUTE_MS) },
    { text: 'resets 12pm (UTC)', atMs: later((24 * 60 - 30) * MINUTE_MS) },
    { text: 'resets 1:30pm (Europe/Berlin)', atMs: later(24 * 60 * MINUTE_MS) },
    { text: 'resets 3pm (Nowhere/Land)', atMs: undefined },
    { text: 'blocked until 2026-11-27T11:00:00Z', atMs: undefined },
    { text: 'try again in 400 days', atMs: undefined },
    { text: 'slow down', atMs: undefined },
  ])('$text', ({ text, atMs }) => {
    expect(resetTimeOf(text, NOW_MS)).toBe(atMs);
  });
});
