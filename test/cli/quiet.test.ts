/** --quiet: no progress and no hints, for every command that has a hint; the answers stay. */
import { afterAll, expect, test } from 'vitest';
import { runOrch } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';

const WORKFLOW = `name: ship
steps:
  build: { run: "true", wave: 1 }
  ship: { needs: [build], wave: 2, approval: { message: Ship it? } }
`;
const HINT = /next: /;

const repository = makeRepository();
afterAll(() => repository[Symbol.dispose]());
repository.write('.orch/workflows/ship.yaml', WORKFLOW);
repository.commitAll('first');

/** In the order of a working day: each can be asked twice. */
test.for([
  { args: ['init'], answer: /^(created|kept) +\.orch\/config\.yaml\n/ },
  { args: ['run', 'ship'], answer: /^waiting: ship-\S+, 2 steps/ },
  { args: ['status'], answer: /^branch main\n\nship-\S+: waiting\n/ },
  { args: ['show'], answer: /^ship-\S+: waiting\n/ },
  { args: ['why', '@latest', 'ship'], answer: /^ship: it waits for a person/ },
  { args: ['rollback', '--to', '0'], answer: /^rolled back to wave 0 of ship-/ },
  { args: ['cancel'], answer: /^cancelled: ship-/, once: true },
])('orch $args', async ({ args, answer, once }) => {
  const at = { cwd: repository.top };
  const loud = once ? undefined : await runOrch(args, at);
  const quiet = await runOrch([...args, '--quiet'], at);
  if (loud) expect(loud.stdout).toMatch(HINT);
  expect(quiet.stdout).toMatch(answer);
  expect(quiet.stdout).not.toMatch(HINT);
  expect(quiet.stderr).toBe('');
});
