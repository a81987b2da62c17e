import { describe, expect, test } from 'vitest';
import { InvalidFileError } from '../../src/base/errors.ts';
import { DEFAULT_CONFIG, parseConfig } from '../../src/workflow/config-schema.ts';
import { describeKeys, jsonSchemaOf, SCHEMA_KINDS } from '../../src/workflow/schema-keys.ts';

describe('parseConfig', () => {
  test('an empty file is the defaults', () => {
    expect(parseConfig('# nothing yet\n', 'config.yaml')).toEqual(DEFAULT_CONFIG);
    expect(DEFAULT_CONFIG).toEqual({
      strategies: {},
      checkpoint: {},
      maxLogBytes: 67_108_864,
      defaults: { timeout: {}, retry: {} },
      agents: {},
      worktree: { include: [], ports: 0 },
      limits: { diskBytes: 20 * 1024 ** 3 },
    });
  });

  test('units become numbers, and what agents do not say is filled in', () => {
    const text = `
strategies: { careful: { description: slow, wave_size: small, validation: strict } }
checkpoint: { retention: 14d, max_file_size: 1MB }
max_log: 1MB
concurrency: 3
defaults: { timeout: 20m, retry: { max_attempts: 2 } }
worktree: { root: /srv/wt, include: [.env], setup: { run: npm ci, reads: [package.json] }, ports: 10 }
limits: { memory: 2G, time: 30m, disk: 5GB }
agents:
  coder: { cli: codex, args: [--x], env: { A: b }, price: { input_per_mtok: 1.25, output_per_mtok: 10 }, limits: { idle: 5m } }
  script: { cli: exec, command: ./agent.sh, pool: scripts, pass_env: [KEY] }
`;
    expect(parseConfig(text, 'config.yaml')).toEqual({
      strategies: { careful: { description: 'slow', waveSize: 'small', validation: 'strict' } },
      checkpoint: { retentionMs: 1_209_600_000, maxFileSizeBytes: 1_048_576 },
      maxLogBytes: 1_048_576,
      concurrency: 3,
      defaults: { timeout: { totalMs: 1_200_000 }, retry: { maxAttempts: 2 } },
      agents: {
        coder: {
          name: 'coder',
          program: 'codex',
          args: ['--x'],
          env: { A: 'b' },
          passEnv: [],
          pool: 'coder',
          limits: { idleMs: 300_000 },
          price: { inputPerMtok: 1.25, outputPerMtok: 10 },
        },
        script: {
          name: 'script',
          program: 'exec',
          command: ['./agent.sh'],
          args: [],
          env: {},
          passEnv: ['KEY'],
          pool: 'scripts',
          limits: {},
        },
      },
      worktree: {
        root: '/srv/wt',
        include: ['.env'],
        setup: { run: 'npm ci', reads: ['package.json'] },
        ports: 10,
      },
      limits: { memoryBytes: 2_147_483_648, timeMs: 1_800_000, diskBytes: 5 * 1024 ** 3 },
    });
  });

  test('a setup that is only a script reads the lock files and manifests at the top', () => {
    const { worktree } = parseConfig('worktree: { setup: npm ci }\n', 'config.yaml');
    expect(worktree.setup?.run).toBe('npm ci');
    expect(worktree.setup?.reads).toContain('package-lock.json');
    expect(worktree.setup?.reads).toContain('Cargo.lock');
  });

  test('mistakes are shown as for workflows', () => {
    const parse = (): unknown =>
      parseConfig('strategys: {}\nstrategies: { x: { wave_size: tiny } }\n', 'config.yaml');
    expect(parse).toThrow(InvalidFileError);
    try {
      parse();
    } catch (error) {
      expect((error as InvalidFileError).rendered).toBe(
        [
          'config.yaml:1:1: unknown key "strategys"',
          '   1 | strategys: {}',
          '     | ^^^^^^^^^',
          '  fix: did you mean "strategies"? [ORCH_UNKNOWN_KEY]',
          '',
          'config.yaml:2:15: "validation" is missing in "strategies.x"',
          '   2 | strategies: { x: { wave_size: tiny } }',
          '     |               ^',
          '  fix: add validation: standard [ORCH_MISSING_KEY]',
          '',
          'config.yaml:2:31: "wave_size" must be "small", "medium", "large" or "dynamic", not "tiny"',
          '   2 | strategies: { x: { wave_size: tiny } }',
          '     |                               ^^^^',
          '  fix: write one of small, medium, large, dynamic [ORCH_INVALID_VALUE]',
        ].join('\n'),
      );
    }
  });
});

describe('what the schemas say of themselves', () => {
  test('every key has a path of its own, a type, a description that is a sentence, and an example', () => {
    const keys = describeKeys();
    for (const { path, type, description, example } of keys) {
      expect(description, path).toMatch(/^[A-Z`].*[.]$/s);
      expect(type, path).not.toBe('another value');
      expect(example, path).toBeDefined();
    }
    const names = keys.map(({ kind, path }) => `${kind} ${path}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('workflow steps.<id>.retry.max_attempts');
    expect(keys.find(({ path }) => path === 'steps.<id>.retry.max_attempts')).toEqual({
      kind: 'workflow',
      path: 'steps.<id>.retry.max_attempts',
      type: 'a number',
      required: false,
      default: '1',
      description: 'Attempts in all; 1 means no retry.',
      example: '2',
    });
  });

  test.for(SCHEMA_KINDS)(
    'the JSON Schema of a %s describes every key and refuses others',
    (kind) => {
      const schema = jsonSchemaOf(kind) as {
        properties: Record<string, { description?: string }>;
        additionalProperties: boolean;
      };
      expect(schema.additionalProperties).toBe(false);
      for (const [key, property] of Object.entries(schema.properties))
        expect(property.description, key).toBeTruthy();
      expect(JSON.stringify(schema)).toContain('"pattern"');
    },
  );
});
