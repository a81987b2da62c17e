// @ts-check
/**
 * Completes package-lock.json with the optional packages of other platforms.
 *
 * npm drops an optional package from the lock when the registry in use does not carry it (mirrors that
 * hold one platform only), and `npm ci` then refuses the lock as out of step, on every platform. The
 * entries added here have no checksum, which only the registry knows; npm takes one into the lock
 * when it installs such a package.
 *
 * Usage: npm run lock, after every change of dependencies; it changes nothing when nothing is missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './build.mjs';

/** @typedef {{ version?: string, dev?: boolean, optionalDependencies?: Record<string, string> }} LockEntry */

const OPERATING_SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = [
  'arm64',
  'arm',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'x64',
];

const path = join(projectRoot, 'package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8'));

/**
 * An entry for a package that is named for its platform, such as `@rollup/rollup-linux-arm64-musl`.
 * @param {string} name
 * @param {string} version
 * @param {LockEntry} parent
 */
function platformEntry(name, version, parent) {
  const words = name.split(/[/-]/);
  const os = OPERATING_SYSTEMS.find((word) => words.includes(word));
  const cpu = PROCESSORS.find((word) => words.includes(word));
  if (os === undefined || cpu === undefined) return undefined;
  const libc = words.includes('musl') ? { libc: ['musl'] } : {};
  return {
    version,
    cpu: [cpu],
    ...(parent.dev ? { dev: true } : {}),
    ...libc,
    optional: true,
    os: [os],
  };
}

let added = 0;
for (const parent of /** @type {LockEntry[]} */ (Object.values(lock.packages))) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    // Tools pin the packages of their platforms to one version; a range would have to be resolved.
    if (key in lock.packages || !/^\d+\.\d+\.\d+$/.test(version)) continue;
    const entry = platformEntry(name, version, parent);
    if (entry === undefined) continue;
    lock.packages[key] = entry;
    added++;
  }
}
if (added > 0) {
  const sorted = Object.entries(lock.packages).sort(([left], [right]) => (left < right ? -1 : 1));
  lock.packages = Object.fromEntries(sorted);
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(`package-lock.json: added ${added} packages of other platforms`);
