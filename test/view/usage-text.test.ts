/** What agents have spent, in words. */
import { expect, test } from 'vitest';
import { usageText } from '../../src/view/usage-text.ts';

test.for([
  { usd: 0, tokens: [0, 0], text: '' },
  { usd: 0, tokens: [900, 99], text: '999 tokens' },
  { usd: 0.001, tokens: [12_000, 300], text: 'less than $0.01, 12.3k tokens' },
  { usd: 12.345, tokens: [2_000_000, 500_000], text: '$12.35, 2.5M tokens' },
  { usd: 1, tokens: [0, 0], text: '$1.00' },
] as const)('$usd dollars and $tokens tokens are "$text"', ({ usd, tokens, text }) => {
  const [input_tokens, output_tokens] = tokens;
  expect(usageText({ usd, input_tokens, output_tokens })).toBe(text);
});
