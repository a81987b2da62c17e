/** A repository with a workflow of many no-op steps: layers of ten, each step needs two of the layer before. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from '../harness.ts';

const WIDTH = 10;

/** The workflow is called `layers`. */
export function makeLayeredRepository(folder: string, steps: number, concurrency: number): void {
  mkdirSync(join(folder, '.orch/workflows'), { recursive: true });
  const lines = Array.from({ length: steps }, (_, step) => {
    const column = step % WIDTH;
    const above = step - WIDTH;
    const needs = step < WIDTH ? '' : `s${above}, s${above - column + ((column + 1) % WIDTH)}`;
    return `  s${step}: { run: /bin/true, needs: [${needs}] }`;
  });
  const text = `name: layers\nconcurrency: ${concurrency}\nsteps:\n${lines.join('\n')}\n`;
  writeFileSync(join(folder, '.orch/workflows/layers.yaml'), text);
  const git = (...args: string[]) => runToEnd('git', args, { cwd: folder });
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.org');
  git('add', '-A');
  git('commit', '-q', '-m', 'first');
}
