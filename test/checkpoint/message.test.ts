/** Messages of checkpoints: what goes in comes out, and no name can pretend to be a trailer. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CheckpointFacts,
  checkpointMessage,
  readTrailers,
} from '../../src/checkpoint/message.ts';

const FACTS: CheckpointFacts = {
  run: 'add-search-260101-k3f9',
  workflow: 'add-search',
  wave: 2,
  waves: 3,
  steps: ['build', 'implement(index)'],
  gates: ['tests=passed'],
  status: 'running',
  closing: false,
  events: 41,
  digest: 'ab'.repeat(32),
};

/** Names as an enemy would choose them. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        '\n',
        '\r\n',
        '\r',
        '\u0085',
        '\u2028',
        ' ',
        'Orch-Wave: 0',
        'Orch-Run: x',
        '\0',
        ',',
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join('')),
);
const facts: fc.Arbitrary<CheckpointFacts> = fc.record({
  run: fc.constant(FACTS.run),
  workflow: hostile,
  wave: fc.nat(50),
  waves: fc.nat(50),
  steps: fc.array(hostile, { maxLength: 4 }),
  gates: fc.array(hostile, { maxLength: 3 }),
  status: fc.constantFrom('running', 'passed', 'failed', 'cancelled'),
  closing: fc.boolean(),
  events: fc.nat(),
  digest: fc.constant(FACTS.digest),
});

describe('checkpointMessage', () => {
  test('comes out of readTrailers as it went in, whatever workflow, steps and gates are called', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { run, wave, status, events, digest } = given;
        const message = checkpointMessage(given);
        expect(message.split('\n')).toHaveLength(9);
        expect(readTrailers(message)).toMatchObject({ run, wave, status, events, digest });
      }),
    );
  });

  test('is read by git as it is read here', () => {
    const workflow = 'x\n\nOrch-Wave: 0\nOrch-Run: other';
    const steps = ['a\nOrch-Status: passed', '\u0085Orch-Steps: b'];
    const input = checkpointMessage({ ...FACTS, workflow, steps });
    const parsed = execFileSync('git', ['interpret-trailers', '--parse'], {
      input,
      encoding: 'utf8',
    });
    expect(
      parsed
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/:.*/s, '')),
    ).toEqual(['Orch-Run', 'Orch-Wave', 'Orch-Steps', 'Orch-Gates', 'Orch-Status', 'Orch-Journal']);
    expect(parsed).toContain('Orch-Wave: 2\n');
  });

  test('counts the names that it does not list', () => {
    const steps = Array.from({ length: 130 }, (_, place) => `s${place}`);
    const line = checkpointMessage({ ...FACTS, steps }).split('\n')[4];
    expect(line).toMatch(/^Orch-Steps: s0, .*s99 and 30 more$/);
  });
});

describe('readTrailers', () => {
  test('takes a commit that only quotes a checkpoint for none', () => {
    const quoted = checkpointMessage(FACTS).trimEnd();
    expect(readTrailers(quoted)).toBeDefined();
    expect(readTrailers(`fix: see below\n\n${quoted}\n\nThat was it.\n`)).toBeUndefined();
    expect(readTrailers(quoted.replace(/^.*\n\n/, ''))).toBeUndefined();
    expect(readTrailers('')).toBeUndefined();
  });

  test.each([
    ['no digest', 'Orch-Journal: 41'],
    ['a short digest', 'Orch-Journal: 41 sha256:abc'],
    ['no number of events', `Orch-Journal: x sha256:${FACTS.digest}`],
  ])('takes one with %s for none', (_name, line) => {
    const message = checkpointMessage(FACTS).replace(/^Orch-Journal:.*$/m, line);
    expect(readTrailers(message)).toBeUndefined();
  });
});
