// @ts-check
/**
 * Installs real agent programs into a cache outside the repository, and runs the tests that need them
 * against a scripted model on this machine.
 *
 * Usage: npm run test:agents [-- <vitest arguments>]
 * Ends with 0 and says so when they cannot be had: without a registry, or without the scripted model.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './build.mjs';

/** Of those that run on the oldest node that orch runs on. */
const PACKAGES = ['@openai/codex@0.169.0', '@continuedev/cli@1.5.47'];
const PROGRAMS = ['codex', 'cn'];

const model = join(projectRoot, '..', 'shared', 'tools', 'fake-model.mjs');
const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'orch-test-agents');
const bin = join(cache, 'node_modules', '.bin');

/** @param {string} why */
function skip(why) {
  console.log(`skipped: tests with real agents: ${why}`);
  process.exit(0);
}

function install() {
  if (PROGRAMS.every((program) => existsSync(join(bin, program)))) return;
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, 'package.json'), '{"private":true}\n');
  const args = ['install', '--prefix', cache, '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, stderr } = spawnSync('npm', [...args, ...PACKAGES], { encoding: 'utf8' });
  if (status !== 0) skip(`npm could not install them: ${stderr.trim().split('\n')[0]}`);
}

if (!existsSync(model)) skip(`there is no ${model}`);
install();
const { status } = spawnSync(
  process.execPath,
  [
    join(projectRoot, 'node_modules/vitest/vitest.mjs'),
    'run',
    'test/real-agents',
    ...process.argv.slice(2),
  ],
  {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, ORCH_TEST_AGENTS: bin, ORCH_TEST_MODEL: model },
  },
);
process.exit(status ?? 1);
