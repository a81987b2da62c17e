// @ts-check
/**
 * Shows orch at its main job on real input: this project's own check, in a throw-away clone of HEAD,
 * with a sudden death in the middle.
 *
 * Nothing of the checkout changes: the clone has its own objects and its own node_modules, whose
 * entries are links into the one that is here.
 *
 * Usage: npm run demo [-- --keep] [--workflow <name or path>] [--program <path of orch.js>]
 *   --keep      leaves the clone, and says where it is
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { projectRoot } from './build.mjs';

/** How often git is asked whether the first wave has its checkpoint. */
const LOOK_MS = 150;

/** What the clone must not share with the checkout: tools write here. */
const OWN_FOLDERS = ['.cache', '.vite', '.vite-temp'];

const NOTE = 'notes.txt';

const { values: options } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    workflow: { type: 'string', default: 'check' },
    program: { type: 'string', default: join(projectRoot, 'bin', 'orch.js') },
  },
});

/** What a person can mend before the demo can begin. */
class CannotBegin extends Error {}

/** @param {string} text */
function say(text) {
  process.stdout.write(`\n${text}\n`);
}

/**
 * @param {string} folder
 * @param {...string} args
 * @returns {string | undefined} what git prints, without the last line break; undefined when it fails
 */
function git(folder, ...args) {
  const { status, stdout } = spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8' });
  return status === 0 ? stdout.trimEnd() : undefined;
}

/** @throws CannotBegin */
function refuseWhatCannotWork() {
  const top = git(projectRoot, 'rev-parse', '--show-toplevel');
  if (top === undefined || realpathSync(top) !== realpathSync(projectRoot)) {
    throw new CannotBegin(
      `${projectRoot} is no git checkout, and the demo needs one to clone\n  fix: git clone this project, then in the clone: npm ci && npm run demo`,
    );
  }
  if (git(projectRoot, 'rev-parse', '--verify', '--quiet', 'HEAD') === undefined)
    throw new CannotBegin('this repository has no commit to clone\n  fix: git commit');
  if (!existsSync(join(projectRoot, 'node_modules', '.bin')))
    throw new CannotBegin('node_modules is missing\n  fix: npm ci');
  if (!existsSync(options.program) || !existsSync(join(options.program, '../../dist/main.js')))
    throw new CannotBegin('orch is not built\n  fix: npm run build');
}

/** @param {string} folder where the clone is made */
function cloneHead(folder) {
  const clone = join(folder, 'orch');
  const made = spawnSync('git', ['clone', '--quiet', '--no-hardlinks', projectRoot, clone], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`git clone: ${made.stderr}`);
  // Checkpoints carry the user's name; a fresh machine has none.
  if (git(clone, 'var', 'GIT_COMMITTER_IDENT') === undefined) {
    git(clone, 'config', 'user.name', 'orch demo');
    git(clone, 'config', 'user.email', 'demo@example.org');
  }
  const modules = join(projectRoot, 'node_modules');
  mkdirSync(join(clone, 'node_modules'));
  for (const name of readdirSync(modules).filter((entry) => !OWN_FOLDERS.includes(entry)))
    symlinkSync(join(modules, name), join(clone, 'node_modules', name));
  return clone;
}

/** As people type it: only the value of an option stands in quotes. @param {readonly string[]} words */
function commandLine(words) {
  const quoted = words.map((word) =>
    /^[\w@./:=,-]+$/.test(word) ? word : word.replace(/^(--\w+=)?(.*)$/s, "$1'$2'"),
  );
  return quoted.join(' ');
}

/**
 * Shows a command as it would be typed and runs it to its end.
 * @param {string} folder
 * @param {readonly string[]} words
 * @returns {number} exit code
 */
function show(folder, words) {
  say(`$ ${commandLine(words)}`);
  const [program = '', ...args] = realWords(words);
  const { status, error } = spawnSync(program, args, { cwd: folder, stdio: 'inherit' });
  if (error) throw error;
  return status ?? 1;
}

/** @param {readonly string[]} words @returns {string[]} with this checkout's orch for `orch` */
function realWords([program = '', ...args]) {
  return program === 'orch' ? [process.execPath, options.program, ...args] : [program, ...args];
}

/**
 * Starts the run and kills it, as a power cut would, once the first wave has its checkpoint.
 * @param {string} folder
 * @returns {Promise<number | 'killed'>} exit code, when it ended before that
 */
async function runUntilKilled(folder) {
  const words = ['orch', 'run', options.workflow];
  say(`$ ${commandLine(words)}`);
  const [program = '', ...args] = realWords(words);
  const child = spawn(program, args, { cwd: folder, stdio: 'inherit' });
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
  let code = /** @type {number | undefined} */ (undefined);
  void ended.then((value) => {
    code = value;
  });
  while (code === undefined) {
    await Promise.race([ended, delay(LOOK_MS)]);
    if (!/wave [1-9]/.test(tipSubjects(folder)) || code !== undefined) continue;
    child.kill('SIGKILL');
    await ended;
    // What draws on a terminal hides the cursor, and had no chance to show it again.
    if (process.stdout.isTTY) process.stdout.write('\u001b[?25h');
    return 'killed';
  }
  return code;
}

/** @param {string} folder @returns {string} subjects of the newest checkpoints */
function tipSubjects(folder) {
  return git(folder, 'for-each-ref', '--format=%(contents:subject)', 'refs/heads/orch/') ?? '';
}

/** @param {string} folder */
async function tell(folder) {
  writeFileSync(join(folder, NOTE), 'this line is in no commit\n');
  say(
    `A clone of HEAD is in ${folder}; your checkout stays as it is.\nA file lies there that no commit holds: ${NOTE}`,
  );
  if (show(folder, ['orch', 'plan', options.workflow]) !== 0) return 1;

  const result = await runUntilKilled(folder);
  let code = result === 'killed' ? 0 : result;
  if (result === 'killed') {
    say(
      'kill -9: orch is dead, in the middle of a wave. Steps that were running go on without it.',
    );
    show(folder, ['orch', 'status']);
    code = show(folder, ['orch', 'resume']);
  }
  if (code !== 0) {
    say(
      code === 130
        ? 'Stopped before its end, and it could go on from here:'
        : 'The check did not pass here; what there is to see:',
    );
    show(folder, ['orch', 'status']);
    return code;
  }

  say('The record is in git, one commit a wave:');
  const branch = git(folder, 'for-each-ref', '--format=%(refname:short)', 'refs/heads/orch/') ?? '';
  const format = '--format=%h %an, %s%n%(trailers:unfold)';
  show(folder, ['git', '--no-pager', 'log', '--graph', format, `HEAD..${branch}`]);

  rmSync(join(folder, NOTE));
  say(
    `${NOTE} was deleted just now. Wave 0 is the state before the run, uncommitted files included:`,
  );
  const rolledBack = show(folder, ['orch', 'rollback', '--to', '0']);
  return Math.max(rolledBack, show(folder, ['cat', NOTE]));
}

/** @param {string} folder */
function end(folder) {
  if (options.keep) return say(`The clone stays in ${folder}`);
  // A run that was left half-way may have steps that still work in there.
  const clone = join(folder, 'orch');
  if (existsSync(clone) && /Orch-Status: running/.test(lastTrailers(clone))) {
    const [program = '', ...args] = realWords(['orch', 'cancel', '--quiet']);
    spawnSync(program, args, { cwd: clone, stdio: 'ignore' });
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  say('The clone is removed.');
}

/** @param {string} folder */
function lastTrailers(folder) {
  return git(folder, 'for-each-ref', '--format=%(trailers)', 'refs/heads/orch/') ?? '';
}

function sayWhatIsNext() {
  say(
    [
      'Next, in a repository of yours:',
      '  npm install --global git-orch     (or, from here: npm install --global .)',
      '  orch init                         finds its tests, linter, types and build',
      '  orch plan check                   what would run when',
      '  orch run check                    runs it; Ctrl-C at any time, then: orch resume',
    ].join('\n'),
  );
}

async function main() {
  refuseWhatCannotWork();
  // Ctrl-C goes to the command that is shown; this program lives on to clean up.
  let interrupted = false;
  process.on('SIGINT', () => {
    interrupted = true;
  });
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'orch-demo-')));
  try {
    const code = await tell(cloneHead(folder));
    if (code === 0) sayWhatIsNext();
    return interrupted ? 130 : code;
  } finally {
    end(folder);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof CannotBegin)) throw error;
  console.error(`demo: ${error.message}`);
  process.exitCode = 3;
}
