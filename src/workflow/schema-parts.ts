/**
 * The small schemas that workflow and config files share: durations, sizes, names, globs, and the
 * helpers that give every key its description, default and example.
 *
 * Schemas say what a value is; the words for people ("a duration such as 20m") are registered beside
 * them, because one mistake should give one sentence, not what each branch of a union thought of it.
 */
import * as z from 'zod';
import { DURATION_PATTERN, parseDuration } from '../base/duration.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { parseSize, SIZE_PATTERN } from '../base/size.ts';

/** How to speak of a schema's values: `"timeout" must be <wanted>`. */
export const wantedWords = z.registry<{ readonly wanted: string }>();

/** What a custom check says, carried through zod's issue to the diagnostic. */
export interface CustomIssue {
  readonly code: ErrorCode;
  readonly fix: string;
}

interface KeyNotes {
  readonly default?: unknown;
  readonly example?: unknown;
}

function notesOf(
  description: string,
  { default: fallback, example }: KeyNotes,
): Record<string, unknown> {
  return {
    description,
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(example === undefined ? {} : { examples: [example] }),
  };
}

/** A key that may be left out. */
export function optional<Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  notes: KeyNotes = {},
): z.ZodOptional<Schema> {
  return z.optional(schema).meta(notesOf(description, notes));
}

/** A key that must be there. */
export function required<Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  notes: KeyNotes = {},
): Schema {
  return schema.meta(notesOf(description, notes)) as Schema;
}

function raise(context: z.RefinementCtx, message: string, issue: CustomIssue): never {
  context.addIssue({ code: 'custom', message, params: { ...issue } });
  return z.NEVER;
}

function duration(least: 'zero' | 'more'): z.ZodType<number, string> {
  const schema = z
    .string()
    .meta({ pattern: DURATION_PATTERN })
    .transform((text, context): number => {
      const durationMs = parseDuration(text);
      const code = 'ORCH_INVALID_DURATION';
      if (durationMs === undefined) {
        const fix = /^\d+(\.\d+)?$/.test(text)
          ? `write "${text}s" or "${text}m"`
          : 'write it like 90s, 20m or 1h30m';
        return raise(context, `"${text}" is not a duration`, { code, fix });
      }
      if (durationMs === 0 && least === 'more') {
        return raise(context, `"${text}" is no time at all`, {
          code,
          fix: 'give it more than zero, or remove the key',
        });
      }
      return durationMs;
    });
  return schema.register(wantedWords, { wanted: 'a duration such as 20m' });
}

/** Milliseconds, more than zero. */
export const Duration = duration('more');
/** Milliseconds. */
export const DurationOrZero = duration('zero');

/** Bytes. */
export const Size = z
  .string()
  .meta({ pattern: SIZE_PATTERN })
  .transform((text, context): number => {
    const sizeBytes = parseSize(text);
    if (sizeBytes !== undefined) return sizeBytes;
    const fix = /^\d+$/.test(text)
      ? `write "${text}KB" or "${text}MB"`
      : 'write it like 500KB or 10MB';
    return raise(context, `"${text}" is not a size`, { code: 'ORCH_INVALID_SIZE', fix });
  })
  .register(wantedWords, { wanted: 'a size such as 10MB' });

/** Tokens: 2000000 or "2M". */
export const Count = z
  .union([
    z.int().positive(),
    z
      .string()
      .regex(/^\d+(\.\d+)?[kKmM]$/)
      .transform((text) => Math.round(Number(text.slice(0, -1)) * (/k$/i.test(text) ? 1e3 : 1e6))),
  ])
  .register(wantedWords, { wanted: 'a count such as 200k or 2M' });

/** Text for people: something to read in it. */
export const Words = z.string().regex(/\S/).register(wantedWords, { wanted: 'text' });

/** A name or id, with the words that say what it may hold. */
export function nameLike(pattern: RegExp, rule: string): z.ZodString {
  return z.string().regex(pattern, { error: rule });
}

const NAME_RULE = 'letters, digits, "-" and "_", at most 64, and starts with a letter or "_"';
/** Ids of steps, names of pools, agents, inputs: safe in file names, refs and expressions. */
export const Name = nameLike(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, NAME_RULE);
const EnvName = nameLike(
  /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
  'letters, digits and "_", and starts with a letter or "_"',
);

/** Environment values; numbers and booleans are taken as the text that stands in the file. */
const EnvValue = z
  .union([z.string(), z.number(), z.boolean()])
  .register(wantedWords, { wanted: 'text' });
export const Env = z.record(EnvName, EnvValue);

/** A glob or path below the repository's top; what leaves it is refused here, once for all. */
const Glob = z.string().check((context) => {
  const issue = globMistake(context.value);
  if (issue === undefined) return;
  const params: CustomIssue = { code: 'ORCH_INVALID_GLOB', fix: issue.fix };
  context.issues.push({
    code: 'custom',
    input: context.value,
    message: issue.what,
    params: { ...params },
  });
});

function globMistake(glob: string): { what: string; fix: string } | undefined {
  const body = glob.startsWith('!') ? glob.slice(1) : glob;
  if (body.trim() === '') return { what: 'the path is empty', fix: 'write a path such as src/**' };
  if (body.length > 1_000)
    return {
      what: 'the path has more than 1000 characters',
      fix: 'write a shorter glob such as src/**',
    };
  if (/^(?:[/\\~]|[A-Za-z]:[\\/])/.test(body)) {
    return {
      what: `"${glob}" is absolute`,
      fix: 'write the path relative to the top of the repository, such as src/**',
    };
  }
  if (body.split(/[/\\]/).includes('..') || /[{,(|]\s*\.\.\s*[},)|/]/.test(body)) {
    return {
      what: `"${glob}" leaves the repository`,
      fix: 'write the path from the top of the repository, without ".."',
    };
  }
  if (body.includes('${{'))
    return {
      what: `"${glob}" holds an expression`,
      fix: 'write the path out; expressions are not allowed here',
    };
  return undefined;
}

export const Globs = z.array(Glob).register(wantedWords, { wanted: 'a list of paths' });

const TimeoutParts = z.strictObject({
  total: optional(Duration, 'From the start to the end of one attempt.', { example: '20m' }),
  idle: optional(Duration, 'Without output and without CPU time.', { example: '5m' }),
  queue: optional(Duration, 'Ready to start, and not started.', { example: '1h' }),
});
export const TimeoutSchema = z
  .union([Duration, TimeoutParts])
  .register(wantedWords, { wanted: 'a duration such as 20m, or a map of total, idle and queue' });

export const RetrySchema = z.strictObject({
  max_attempts: optional(z.int().min(1).max(100), 'Attempts in all; 1 means no retry.', {
    default: 1,
    example: 2,
  }),
  backoff: optional(
    DurationOrZero,
    'Longest wait before the second attempt; doubles each time, with full jitter.',
    { default: '1s', example: '2s' },
  ),
  max_backoff: optional(DurationOrZero, 'The wait grows no longer than this.', {
    default: '1m',
    example: '30s',
  }),
});

export const CacheSchema = z
  .union([
    z.boolean(),
    z.strictObject({
      ttl: optional(Duration, 'How long an entry may be used; for ever when absent.', {
        example: '7d',
      }),
    }),
  ])
  .register(wantedWords, { wanted: 'true, or a map with ttl' });

export const LevelSchema = z.enum(['light', 'standard', 'strict']);

export const CheckpointSchema = z.strictObject({
  retention: optional(
    DurationOrZero,
    'How long refs of attempts and rescues are kept after the run was accepted.',
    { default: '7d', example: '7d' },
  ),
  max_file_size: optional(
    Size,
    'Files not tracked yet that are larger are left out of checkpoints, and named.',
    { default: '10MB', example: '10MB' },
  ),
});

/** In workflow files and in config.yaml. */
export const SecretsSchema = z.enum(['refuse', 'warn', 'allow']);
export const SECRETS_MEANING =
  'What happens when new or changed text looks like a secret: a checkpoint without it and the wave fails, a warning, or nothing. When absent, `refuse` with `--commit-to current`, else `warn`.';

export const DefaultsSchema = z.strictObject({
  timeout: optional(TimeoutSchema, 'Timeout of steps that set none; the parts are merged.', {
    example: '20m',
  }),
  retry: optional(RetrySchema, 'Retry of steps that set none; the parts are merged.', {
    example: { max_attempts: 2, backoff: '2s' },
  }),
  continue_on_error: optional(
    z.boolean(),
    'Whether steps that say nothing may fail without failing the run.',
    { default: false, example: false },
  ),
});
