/** Which program prints what. */
import type { AgentProgram } from '../../workflow/agents.ts';
import type { OutputReader } from '../report.ts';
import { readClaude } from './claude.ts';
import { readCn } from './cn.ts';
import { readCodex } from './codex.ts';
import { readCopilot } from './copilot.ts';
import { readGemini } from './gemini.ts';
import { readOpencode } from './opencode.ts';
import { readPlainText } from './plain-text.ts';

const READERS: Readonly<Record<AgentProgram, () => OutputReader>> = {
  claude: readClaude,
  codex: readCodex,
  gemini: readGemini,
  qwen: readClaude,
  opencode: readOpencode,
  cn: readCn,
  aider: readPlainText,
  copilot: readCopilot,
  cursor: readClaude,
  exec: readPlainText,
};

export function readerFor(program: AgentProgram): OutputReader {
  return READERS[program]();
}
