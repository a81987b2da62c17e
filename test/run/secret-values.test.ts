/** Which variables hold secrets, by their names, and which of their values are sought. */
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../src/base/redact.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { redactEvent } from '../../src/run/redact-event.ts';
import { hasSecretName, redactorFor, secretValues } from '../../src/run/secret-values.ts';

describe('names', () => {
  test.for([
    ...[
      'GITHUB_TOKEN',
      'NPM_AUTH',
      'npm_config__auth',
      'dbPassword',
      'DB_PASSWD',
      'STRIPE_API_KEY',
    ],
    ...['STRIPE_APIKEY', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'SSH_PRIVATE_KEY'],
    ...['GOOGLE_CREDENTIALS', 'KEY_PASSPHRASE', 'client-secret', 'TOKEN'],
  ])('%s is one', (name) => {
    expect(hasSecretName(name)).toBe(true);
  });

  test.for([
    ...['AUTHOR', 'GIT_AUTHOR_NAME', 'TOKENIZER', 'KEYBOARD', 'PATH', 'PUBLIC_KEY', 'API_URL'],
    ...['SECRETARY', 'XAUTHORITY', 'SSH_AUTHENTICATION', 'PRIVATE', 'KEY_ACCESS', ''],
  ])('%s is none', (name) => {
    expect(hasSecretName(name)).toBe(false);
  });
});

describe('values', () => {
  const valuesOf = (value: string) => secretValues([['A_TOKEN', value]]);

  test.for([
    'short',
    '/run/secrets/token',
    '~/.ssh/id',
    '1234567890',
    '3.14159265',
    'true',
    '       ',
  ])('%s is not sought', (value) => {
    expect(valuesOf(value)).toEqual([]);
  });

  test('base64 that begins as a path does is sought', () => {
    const key = `/bPxRfiCY${'K7MDENGab12cd34'}/wJalr`;
    expect(valuesOf(key)).toContain(key);
  });

  test('each is sought as it is, in base64, in a URL and in JSON', () => {
    const value = 'p ä/"ss&word';
    const base64 = Buffer.from(value).toString('base64');
    expect(valuesOf(value)).toEqual(
      expect.arrayContaining([
        value,
        base64,
        encodeURIComponent(value),
        'p+%C3%A4%2F%22ss%26word',
        'p ä/\\"ss&word',
      ]),
    );
  });

  test('one of several lines is sought whole and line by line', () => {
    const key = '-----BEGIN-----\nabcdefghijkl\r\nxy\n-----END-----\n';
    expect(valuesOf(key)).toEqual(
      expect.arrayContaining([key.trim(), '-----BEGIN-----', 'abcdefghijkl', '-----END-----']),
    );
    expect(valuesOf(key)).not.toContain('xy');
  });

  test('variables of the workflow count, those with expressions do not', () => {
    const none = { steps: [], gates: [] };
    const env = { DB_PASSWORD: 'from-the-file', API_TOKEN: '${{ inputs.token }}' };
    const redactor = redactorFor({ OTHER: 'harmless' }, { ...none, env });
    expect(redactor.redactText('from-the-file ${{ inputs.token }} harmless')).toBe(
      '*** ${{ inputs.token }} harmless',
    );
    expect(redactorFor({ OTHER: 'harmless' }, { ...none, env: {} }).isEmpty).toBe(true);
  });
});

describe('redactEvent', () => {
  test('free text is redacted; ids, which the fold needs, stay', () => {
    const stamp = { v: 1, seq: 1, at: '2026-01-01T00:00:00.000Z' };
    const ended = {
      ...{ ...stamp, type: 'step.finished', wave: 1, step: 'hunter2222', attempt: 1 },
      ...{ status: 'failed', exit_code: 1, duration_s: 0, resources: null },
      usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
      outputs: { a: 'is hunter2222' },
      failure: { kind: 'exit', message: 'hunter2222!' },
      cache: { hit: false, key: 'k', reason: 'hunter2222?' },
    } as RunEvent;
    expect(redactEvent(ended, createRedactor(['hunter2222']))).toEqual({
      ...ended,
      outputs: { a: 'is ***' },
      failure: { kind: 'exit', message: '***!' },
      cache: { hit: false, key: 'k', reason: '***?' },
    });
  });

  test('an event without any is the same', () => {
    const event = { v: 1, seq: 1, at: 'x', type: 'run.interrupted', signal: 'SIGINT' } as RunEvent;
    expect(redactEvent(event, createRedactor(['SIGINT']))).toEqual(event);
  });
});
