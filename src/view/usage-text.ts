/** What agents have spent, in words. */
import type { Usage } from '../run/events.ts';

/** `$0.42, 12.3k tokens`; empty when nothing was spent. */
export function usageText({ usd, input_tokens, output_tokens }: Usage): string {
  const tokens = input_tokens + output_tokens;
  const parts = [
    ...(usd > 0 ? [usd < 0.01 ? 'less than $0.01' : `$${usd.toFixed(2)}`] : []),
    ...(tokens > 0 ? [`${countText(tokens)} tokens`] : []),
  ];
  return parts.join(', ');
}

function countText(count: number): string {
  if (count < 1_000) return String(count);
  return count < 1_000_000 ? `${(count / 1e3).toFixed(1)}k` : `${(count / 1e6).toFixed(1)}M`;
}
