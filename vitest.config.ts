/**
 * How tests run: each file in a process of its own, because tests send signals, change folders and
 * start programs. The program itself is built once a session, see test/rig/global-setup.ts.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/rig/global-setup.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real processes on a machine that others use: one failure may be its, two are ours.
    retry: process.env['CI'] ? 1 : 0,
    coverage: {
      // scripts/coverage.mjs adds what child processes ran, then judges.
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['json'],
      reportOnFailure: true,
      reportsDirectory: 'coverage/vitest',
    },
  },
});
