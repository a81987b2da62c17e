/** What each event must hold before it is folded; the meaning of its fields is events.ts. */
import {
  amount,
  anything,
  count,
  flag,
  instant,
  listOf,
  mapOf,
  matching,
  oid,
  oneOf,
  optional,
  orNull,
  record,
  type Shape,
  text,
} from '../base/shape.ts';
import type { EventType, RunEvent } from './events.ts';

/** Refs of orch's own; what else git takes for a name of a commit is not to be found in a record. */
const ref = matching(/^refs\/orch\/[\w%-]+(?:\/[\w%-]+)*$/);
const stepEnd = oneOf('passed', 'failed', 'cancelled');
const status = { status: stepEnd };
const wave = { wave: count };
const attempt = { ...wave, step: text, attempt: count };
const gate = { ...wave, gate: text, attempt: count };
const failure = optional(record({ kind: text, message: text, resume_at: optional(instant) }));
const cache = optional(record({ hit: flag, key: text, reason: text }));
const slot = optional(count);
const end = {
  ...status,
  exit_code: orNull(amount),
  duration_s: amount,
  failure,
  cache,
  retry_at: optional(instant),
};
const how = oneOf('merge', 'squash', 'ff');
const resources = record({ cpu_s: amount, max_rss_bytes: orNull(amount) });
const usage = record({ usd: amount, input_tokens: amount, output_tokens: amount });
const secretPlace = record({ path: text, line: count, rule: text });
const side = orNull(record({ mode: text, oid }));
const conflict = record({ path: text, base: side, ours: side, theirs: side, message: text });
const leftOut = record({ path: text, reason: text, size_bytes: optional(amount) });

const agent = record({
  name: text,
  program: text,
  model: optional(text),
  persona: optional(text),
  prompt: matching(/^[0-9a-f]{64}$/),
  session: optional(text),
});

const SHAPES: Readonly<Record<EventType, Shape>> = {
  'run.started': record({ run: text, workflow: text, base: orNull(oid), epoch: count, boot: text }),
  'run.resumed': record({ epoch: count, boot: text, retry_failed: flag }),
  'keeper.started': record({ slot: count, pid: count, start: text }),
  'request.received': record({
    request: oneOf('approve', 'reject', 'cancel'),
    step: optional(text),
    message: optional(text),
  }),
  'plan.expanded': record({
    step: text,
    instances: listOf(record({ id: text, values: mapOf(anything) })),
  }),
  'plan.changed': record({
    // A file beside run.json, and nowhere else.
    frozen: matching(/^run-\d+\.json$/),
    added: listOf(text),
    removed: listOf(text),
    changed: listOf(text),
    kept: optional(listOf(text)),
  }),
  'wave.started': record({ ...wave, steps: listOf(text) }),
  'step.started': record({
    ...attempt,
    slot,
    name: optional(text),
    base: optional(oid),
    worktree: optional(count),
    from: optional(oid),
    agent: optional(agent),
  }),
  'step.waiting': record({ ...attempt, message: text, until: optional(instant) }),
  'step.finished': record({
    ...attempt,
    ...end,
    usage,
    outputs: mapOf(text),
    resources: orNull(resources),
    session: optional(text),
    ref: optional(orNull(ref)),
    commit: optional(orNull(oid)),
    left_out: optional(listOf(leftOut)),
    secrets: optional(listOf(secretPlace)),
  }),
  'merge.started': record({ ...attempt, commit: oid, base: oid, onto: oid }),
  'merge.finished': record({
    ...attempt,
    status: oneOf('merged', 'conflict'),
    commit: optional(oid),
    tree: optional(oid),
    files: optional(listOf(conflict)),
    settled: optional(oneOf('ours', 'theirs')),
    left_out: optional(listOf(text)),
    failure,
    retry_at: optional(instant),
  }),
  'resolve.started': record({
    ...attempt,
    round: count,
    by: oneOf('command', 'person'),
    onto: oid,
    worktree: count,
    slot,
    agent: optional(agent),
    message: optional(text),
  }),
  'resolve.finished': record({
    ...attempt,
    round: count,
    ...status,
    exit_code: orNull(amount),
    duration_s: amount,
    usage: optional(usage),
    commit: optional(oid),
    ref: optional(ref),
    failure,
    retry_at: optional(instant),
  }),
  'merge.probe': record({ ...attempt, other: orNull(text), files: listOf(text) }),
  'step.skipped': record({ ...wave, step: text, reason: text, detail: text }),
  'wave.sealed': record({
    ...wave,
    commit: oid,
    tree: oid,
    left_out: listOf(leftOut),
    secrets: optional(listOf(secretPlace)),
    refused: optional(flag),
  }),
  'gate.started': record({ ...gate, slot, worktree: optional(count) }),
  'gate.finished': record({ ...gate, ...end }),
  'checkpoint.started': record({
    ...wave,
    tree: oid,
    parent: orNull(oid),
    status: oneOf('running', 'passed', 'failed', 'cancelled'),
  }),
  'checkpoint.created': record({ ...wave, commit: oid }),
  'wave.finished': record({ ...wave, ...status }),
  'wave.invalidated': record({
    ...wave,
    kept_until: optional(count),
    tip: optional(oid),
    tree: optional(oid),
    gate: optional(text),
  }),
  'rollback.started': record({
    to: count,
    target: oid,
    rescue: ref,
    rescue_commit: oid,
    by: optional(oneOf('command', 'on_failure')),
  }),
  'rollback.done': record({ to: count, restored: oid, tip: optional(oid) }),
  'run.waiting': record({
    steps: listOf(text),
    detail: optional(text),
    resume_at: optional(instant),
  }),
  'run.interrupted': record({ signal: text }),
  'run.finished': record(status),
  'accept.started': record({
    how,
    commit: oid,
    head: orNull(oid),
    brought: oid,
    rescue: ref,
    rescue_commit: oid,
    apart: optional(flag),
  }),
  'run.accepted': record({ how, commit: oid, rescue: orNull(ref), brought: optional(oid) }),
};

/** @param event of a type that this program knows */
export function hasEventShape(event: RunEvent): boolean {
  return SHAPES[event.type](event);
}
