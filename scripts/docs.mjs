// @ts-check
/**
 * Writes docs/reference/ from the code: commands, keys of files, events, error codes.
 *
 * Usage: npm run docs [-- --check]   with --check nothing is written, and a stale page ends it with 1
 *
 * A new page is one more entry in PAGES.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './build.mjs';
import { readEventFields } from './event-fields.mjs';
import { loadSource } from './load-source.mjs';

/** @typedef {import('../src/cli/command-tree.ts').CommandShape} CommandShape */
/** @typedef {import('../src/workflow/schema-keys.ts').KeyDescription} KeyDescription */
/** @typedef {typeof import('./docs-source.ts')} Source */

const FOLDER = join(projectRoot, 'docs', 'reference');

/** @type {Record<string, (source: Source) => string>} */
const PAGES = {
  'commands.md': commandsPage,
  'keys.md': keysPage,
  'events.md': eventsPage,
  'error-codes.md': errorCodesPage,
};

/** Text inside a table cell; outside of code, `<` would begin an HTML tag. @param {string} text */
function cell(text) {
  const plain = text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
  return plain.replaceAll(/`[^`]*`|</g, (found) => (found === '<' ? '&lt;' : found));
}

/** @param {string} text */
function code(text) {
  return `\`${text}\``;
}

/** @param {string[]} heads @param {string[][]} rows @returns {string} nothing for no rows */
function table(heads, rows) {
  if (rows.length === 0) return '';
  const lines = [heads, heads.map(() => '---'), ...rows.map((row) => row.map(cell))];
  return `${lines.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

/** @param {CommandShape} command @returns {CommandShape[]} */
function withAllBelow(command) {
  return [command, ...command.commands.flatMap(withAllBelow)];
}

/** @param {Source} source */
function commandsPage({ describeProgram, EXIT }) {
  const root = describeProgram();
  const [, ...commands] = withAllBelow(root);
  const exits = Object.entries(EXIT).map(([word, number]) => [String(number), word]);
  return [
    '# Commands',
    root.description,
    'Every command takes these, before or after its name:',
    optionTable(root),
    'Exit codes:',
    table(['code', 'meaning'], exits),
    ...commands.map(commandSection),
  ].join('\n\n');
}

/** @param {CommandShape} command */
function commandSection(command) {
  const args = command.arguments.map((argument) => [
    code(argument.name),
    argument.description,
    argument.required ? 'required' : '',
    argument.choices.map(code).join(', '),
  ]);
  return [
    `## orch ${command.path}`,
    command.description,
    `\`\`\`\norch ${command.path} ${command.usage}\n\`\`\``,
    table(['argument', 'what', '', 'one of'], args),
    optionTable(command),
    command.after === ''
      ? ''
      : `\`\`\`\n${command.after.replace(/^Examples:\n/, '').replaceAll(/^ {2}/gm, '')}\n\`\`\``,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** @param {CommandShape} command */
function optionTable(command) {
  return table(
    ['option', 'what', 'default', 'one of'],
    command.options.map((option) => [
      code(option.flags),
      option.description,
      option.defaultText === undefined ? '' : code(option.defaultText),
      option.choices.map(code).join(', '),
    ]),
  );
}

/** @param {Source} source */
function keysPage({ describeKeys }) {
  const titles = { workflow: 'Workflow files', config: '`.orch/config.yaml`' };
  const keys = describeKeys();
  return [
    '# Keys',
    'Editors complete and check them with `orch schema workflow` and `orch schema config`.',
    ...Object.entries(titles).flatMap(([kind, title]) => [
      `## ${title}`,
      keyTable(keys.filter((key) => key.kind === kind)),
    ]),
  ].join('\n\n');
}

/** @param {readonly KeyDescription[]} keys */
function keyTable(keys) {
  return table(
    ['key', 'value', 'default', 'what', 'example'],
    keys.map((key) => [
      code(key.path) + (key.required ? ' (required)' : ''),
      key.type,
      key.default === undefined ? '' : code(key.default),
      key.description,
      key.example === undefined ? '' : code(key.example),
    ]),
  );
}

/** @param {Source} source */
function eventsPage({ EVENT_MEANINGS }) {
  const { byType, shapes } = readEventFields();
  const sections = Object.entries(EVENT_MEANINGS).map(([type, meaning]) => {
    const fields = (byType.get(type) ?? []).map((field) => [
      code(field.name) + (field.optional ? ' (may be absent)' : ''),
      code(field.type),
      field.comment,
    ]);
    return [`## ${type}`, meaning, table(['field', 'type', 'what'], fields)].join('\n\n').trim();
  });
  return [
    '# Events',
    'What `orch run --json` prints and the journal keeps, one JSON object a line. Every event has `v` (version of the format), `seq` (from 1, without gaps), `at` (ISO 8601) and `type`.',
    ...sections,
    '## Shapes',
    `\`\`\`ts\n${[...shapes.values()].join('\n\n')}\n\`\`\``,
  ].join('\n\n');
}

/** @param {Source} source */
function errorCodesPage({ ERROR_CODES, EXIT }) {
  const rows = Object.entries(ERROR_CODES)
    .sort(([left], [right]) => left.localeCompare(right))
    .map(([name, { exit, meaning }]) => [code(name), `${EXIT[exit]} (${exit})`, meaning]);
  return [
    '# Error codes',
    'Every error that can be mended has a code, and says what to type next. With `--json` it is `error.code`.',
    table(['code', 'exit code', 'meaning'], rows),
  ].join('\n\n');
}

/** @param {string} text */
function page(text) {
  const title = '<!-- Written by `npm run docs`; change the code instead. -->';
  return `${title}\n\n${text.replaceAll(/\n{3,}/g, '\n\n').trim()}\n`;
}

/** @param {boolean} checkOnly @returns {Promise<string[]>} pages that were not current */
async function writePages(checkOnly) {
  const source = await loadSource('scripts/docs-source.ts');
  mkdirSync(FOLDER, { recursive: true });
  return Object.entries(PAGES).flatMap(([name, write]) => {
    const path = join(FOLDER, name);
    const text = page(write(source));
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return [];
    if (!checkOnly) writeFileSync(path, text);
    return [name];
  });
}

const checkOnly = process.argv.includes('--check');
const stale = await writePages(checkOnly);
if (!checkOnly)
  console.log(`docs/reference: ${stale.length === 0 ? 'current' : `wrote ${stale.join(', ')}`}`);
else if (stale.length > 0) {
  console.error(`docs/reference is stale: ${stale.join(', ')}\n  fix: npm run docs`);
  process.exitCode = 1;
}
