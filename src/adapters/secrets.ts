/**
 * SecretScanner by secretlint with its recommended rules. Loaded when there is the first text to look
 * at: loading takes about as long as starting node, and most commands never need it.
 */
import { extname } from 'node:path';
import {
  MAX_SCANNED_BYTES,
  type ScannedFile,
  type SecretFinding,
  type SecretScanner,
} from '../ports/secrets.ts';

const PRESET = '@secretlint/secretlint-rule-preset-recommend';
const RULE_PREFIX = '@secretlint/secretlint-rule-';
/** Where git looks for a NUL too. */
const LOOKED_AT_FOR_NUL = 8 * 1024;

export function createSecretScanner(): SecretScanner {
  let loaded: ReturnType<typeof loadSecretlint> | undefined;
  return {
    async scan(files) {
      const texts = files.filter(isScannedText);
      if (texts.length === 0) return [];
      loaded ??= loadSecretlint();
      const lint = await loaded;
      const findings: SecretFinding[] = [];
      for (const file of texts) findings.push(...(await lint(file)));
      return findings;
    },
  };
}

function isScannedText({ bytes }: ScannedFile): boolean {
  if (bytes.length === 0 || bytes.length > MAX_SCANNED_BYTES) return false;
  return !bytes.subarray(0, LOOKED_AT_FOR_NUL).includes(0);
}

async function loadSecretlint(): Promise<(file: ScannedFile) => Promise<SecretFinding[]>> {
  const [{ lintSource }, { creator }, { secretLintProfiler }] = await Promise.all([
    import('@secretlint/core'),
    import('@secretlint/secretlint-rule-preset-recommend'),
    import('@secretlint/profiler'),
  ]);
  // It keeps fifty marks a file for ever and searches all of them for each: 2,000 files took 40 s.
  secretLintProfiler.mark = () => {};
  const config = { rules: [{ id: PRESET, rule: creator }] };
  return async ({ path, bytes }) => {
    const { messages } = await lintSource({
      source: {
        filePath: path,
        content: new TextDecoder().decode(bytes),
        // The rule for .p12 would open a file of this name; what it looks for is binary anyway.
        ext: extname(path) === '.p12' ? '' : extname(path),
        contentType: 'text',
      },
      options: { config, maskSecrets: true, noPhysicFilePath: true, locale: 'en' },
    });
    return messages
      .filter(({ type }) => type === 'message')
      .map(({ loc, ruleId, message }) => ({
        path,
        line: loc.start.line,
        rule: ruleId.replace(RULE_PREFIX, ''),
        message,
      }));
  };
}
