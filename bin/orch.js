#!/usr/bin/env node
'use strict';
/**
 * Starts orch. CommonJS (see package.json beside it) and free of imports, because node starts such a
 * file as fast as `node -e 0`, and 10 % slower when it is an ES module: the version is answered here,
 * everything else by dist/main.js.
 */
const [flag, ...rest] = process.argv.slice(2);
if (rest.length === 0 && (flag === '--version' || flag === '-V')) printVersion();
else startMain();

function printVersion() {
  try {
    // Straight to the descriptor: process.stdout alone would cost another 5 % of the start.
    require('node:fs').writeSync(1, `${require('../package.json').version}\n`);
  } catch (error) {
    // A reader that has gone away (`orch --version | true`) is no failure.
    if (error.code !== 'EPIPE') throw error;
  }
}

function startMain() {
  // Node 22 keeps compiled code between starts; Node 20 has no such thing.
  require('node:module').enableCompileCache?.();
  // require() of an ES module skips the asynchronous loader: 5 % of the start. A node that was told
  // not to allow it gets the slower way.
  if (process.features.require_module) void require('../dist/main.js').start();
  else void import('../dist/main.js').then((main) => main.start());
}
