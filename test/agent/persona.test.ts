/** Persona files: what is read of them, what is wrong with them, and that those that come with orch keep their rules. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../scripts/build.mjs';
import { parsePersona } from '../../src/agent/persona.ts';

const GOOD = '---\nname: reviewer\ndescription: Reviews.\n---\n\nYou review.\n';

describe('parsePersona', () => {
  test.for([
    { name: 'a plain file', text: GOOD, want: { name: 'reviewer', prompt: 'You review.' } },
    {
      name: 'line ends of Windows and a mark at the start',
      text: `\ufeff${GOOD.replaceAll('\n', '\r\n')}`,
      want: { prompt: 'You review.' },
    },
    { name: 'no name', text: GOOD.replace('name: reviewer\n', ''), want: { name: 'file' } },
    {
      name: 'keys of other programs',
      text: GOOD.replace('---\n\n', 'color: red\nhooks: { a: [1] }\n---\n\n'),
      want: { name: 'reviewer' },
    },
    {
      name: 'tools in one line',
      text: GOOD.replace('---\n\n', 'tools: Read, Grep,\n---\n\n'),
      want: { tools: ['Read', 'Grep'] },
    },
    {
      name: 'tools as a list',
      text: GOOD.replace('---\n\n', 'tools: [Read]\n---\n\n'),
      want: { tools: ['Read'] },
    },
    {
      name: 'a model',
      text: GOOD.replace('---\n\n', 'model: opus\n---\n\n'),
      want: { model: 'opus' },
    },
    {
      name: 'rules of dashes in its text',
      text: `${GOOD}\n---\nMore.\n`,
      want: { prompt: 'You review.\n\n---\nMore.' },
    },
    {
      name: 'a description of several lines',
      text: GOOD.replace('Reviews.', '>\n  Reviews\n  all.'),
      want: { description: 'Reviews all.' },
    },
  ])('reads $name', ({ text, want }) => {
    expect(parsePersona(text, 'a/file.md')).toMatchObject(want);
  });

  test('takes a model that is inherited for none', () => {
    expect(
      parsePersona(GOOD.replace('---\n\n', 'model: inherit\n---\n\n'), 'f.md').model,
    ).toBeUndefined();
  });

  test.for([
    { name: 'no front matter', text: 'You review.', at: 'f.md:1:1' },
    { name: 'front matter without an end', text: '---\ndescription: x\n', at: 'f.md:1:1' },
    { name: 'no description', text: '---\nname: x\n---\nYou.\n', at: 'f.md:2:1' },
    { name: 'nothing to say', text: '---\ndescription: x\n---\n \n', at: 'f.md:1:1' },
    { name: 'YAML that is none', text: '---\ndescription: x\nname: [\n---\nYou.\n', at: 'f.md:4:' },
    {
      name: 'a description that is a list',
      text: '---\ndescription: [x]\n---\nYou.\n',
      at: 'f.md:2:',
    },
  ])('says where it has $name', ({ text, at }) => {
    expect(() => parsePersona(text, 'f.md')).toThrow(at);
  });
});

describe('the personas that come with orch', () => {
  const folder = join(projectRoot, 'templates/personas');
  const names = readdirSync(folder).map((file) => file.replace('.md', ''));

  test('are these', () => {
    expect(names.sort()).toEqual([
      'architect',
      'coordinator',
      'debugger',
      'developer',
      'operator',
      'optimizer',
      'researcher',
      'reviewer',
      'security',
      'tester',
      'writer',
    ]);
  });

  test.for(names)('%s says how it works, what it delivers, and what it never does', (name) => {
    const { name: own, prompt } = parsePersona(
      readFileSync(join(folder, `${name}.md`), 'utf8'),
      `${name}.md`,
    );
    expect(own).toBe(name);
    expect(prompt).toMatch(/^You are an? /);
    expect(prompt).toContain('How you work:');
    expect(prompt).toContain('What you deliver:');
    expect(prompt).toMatch(/You never|You change no file/);
    const votes = name === 'reviewer' || name === 'security';
    expect(prompt.includes('`VERDICT: approve` or `VERDICT: reject`')).toBe(votes);
    expect(prompt.includes('summary') || votes).toBe(true);
  });
});
