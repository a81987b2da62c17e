/**
 * `orch audit` through the program: a run that nobody has touched is clean, here and in a clone, and
 * each way of tampering with it is found, named and ends with exit code 1.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/checkpoint/audit.ts';
import { runOrchJson } from '../rig/cli.ts';
import { openTestRepository } from '../rig/repository.ts';
import { type History, makeHistory } from './history-stage.ts';

async function findingsOf(history: History): Promise<Finding[]> {
  const { findings } = (await history.json(['audit'], 1)) as { findings: Finding[] };
  return findings;
}

const segment = ({ repository, run }: History, number: number) =>
  repository.path(`.git/orch/runs/${run}/events/${number}.jsonl`);

/** Puts a copy of the newest checkpoint with another message in its place. */
function rewriteTip({ repository, run }: History, edit: (message: string) => string): void {
  const message = edit(repository.git('log', '-1', '--format=%B', `orch/${run}`));
  writeFileSync(join(repository.folder, 'message'), message);
  const file = join(repository.folder, 'message');
  const [tree, parent] = ['^{tree}', '^'].map((what) =>
    repository.git('rev-parse', `orch/${run}${what}`),
  );
  const tip = repository.git('commit-tree', `${tree}`, '-p', `${parent}`, '-F', file);
  repository.git('update-ref', `refs/heads/orch/${run}`, tip);
}

describe('nothing is wrong', () => {
  test('with a run that passed, one that failed, and one that was rolled back and done again', async () => {
    using history = await makeHistory({ fails: true });
    expect(await history.json(['audit'])).toMatchObject({ ok: true, live: true, checkpoints: 4 });
    history.failing(false);
    await history.json(['rollback', '--to', '1']);
    expect(await history.json(['audit'])).toMatchObject({ ok: true, findings: [] });
    await history.orch(['resume']);
    expect(await history.json(['audit'])).toEqual({
      run: history.run,
      ok: true,
      branch: `orch/${history.run}`,
      checkpoints: 6,
      live: true,
      // The wave that failed was sealed anew since: its ref went with its checkpoint.
      findings: [],
    });
  });

  test('with a run that was killed in the middle', async () => {
    using history = await makeHistory({ fails: true });
    await history.orch(['resume', '--retry-failed'], { ORCH_CRASH: 'git update-ref:after#1' });
    expect(await history.json(['audit'])).toMatchObject({ ok: true });
  });

  test('in a clone, which has only the branch', async () => {
    using history = await makeHistory({ fails: true });
    const { repository, run } = history;
    const top = join(repository.folder, 'clone');
    repository.git('clone', '-q', '.', top);
    const { code, document } = await runOrchJson(['audit', run], { cwd: top });
    expect({ code, document }).toEqual({
      code: 0,
      document: {
        run,
        ok: true,
        branch: `origin/orch/${run}`,
        checkpoints: 4,
        live: false,
        findings: [],
      },
    });
    // And there, too, what is wrong is found.
    const clone = openTestRepository(top, repository.folder);
    clone.git('branch', '-q', `orch/${run}`, `origin/orch/${run}~1`);
    clone.git('checkout', '-q', `orch/${run}`);
    clone.git('config', 'user.name', 'Ada Lovelace');
    clone.git('config', 'user.email', 'ada@example.org');
    clone.commitAll('no checkpoint');
    const wrong = await runOrchJson(['audit'], { cwd: top });
    expect(wrong.code).toBe(1);
    expect(wrong.document).toMatchObject({ findings: [{ check: 'chain' }] });
  });

  test('in a clone of a branch that a run was merged to', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository, run } = history;
    await history.json(['accept']);
    const top = join(repository.folder, 'clone');
    repository.git('clone', '-q', '--single-branch', '-b', 'main', '.', top);
    const { code, document } = await runOrchJson(['audit', run], { cwd: top });
    expect(code).toBe(0);
    expect(document).toMatchObject({ branch: 'HEAD', checkpoints: 4, findings: [] });
  });
});

describe('found', () => {
  test.for<{
    name: string;
    tamper: (history: History) => void;
    check: Finding['check'];
    what: RegExp;
    options?: Parameters<typeof makeHistory>[0];
  }>([
    {
      name: 'a trailer that says another status than the journal',
      tamper: (history) =>
        rewriteTip(history, (text) => text.replace('Orch-Status: passed', 'Orch-Status: failed')),
      check: 'trailers',
      what: /says status "failed", its journal says "passed"/,
    },
    {
      name: 'a trailer with another number of events',
      tamper: (history) =>
        rewriteTip(history, (text) => text.replace(/(Orch-Journal:) \d+/, '$1 999')),
      check: 'trailers',
      what: /says 999 events and holds \d+/,
    },
    {
      name: 'a trailer with another digest',
      tamper: (history) =>
        rewriteTip(history, (text) => text.replace(/sha256:..../, 'sha256:0000')),
      check: 'trailers',
      what: /does not have the digest it names/,
    },
    {
      name: 'a trailer with other steps',
      tamper: (history) =>
        rewriteTip(history, (text) => text.replace('Orch-Steps: three', 'Orch-Steps: four')),
      check: 'trailers',
      what: /says steps "four", its journal says "three"/,
    },
    {
      name: 'a commit on the branch that is no checkpoint',
      tamper: ({ repository, run }) => {
        const tip = repository.git(
          'commit-tree',
          `orch/${run}^{tree}`,
          '-p',
          `orch/${run}`,
          '-m',
          'x',
        );
        repository.git('update-ref', `refs/heads/orch/${run}`, tip);
      },
      check: 'chain',
      what: /is no checkpoint/,
    },
    {
      name: 'a branch that was set back',
      tamper: ({ repository, run }) =>
        repository.git('update-ref', `refs/heads/orch/${run}`, `orch/${run}~1`),
      check: 'live',
      what: /checkpoint 3 .* is not number 4/,
    },
    {
      name: 'a branch that is gone',
      tamper: ({ repository, run }) => repository.git('branch', '-qD', `orch/${run}`),
      check: 'live',
      what: /checkpoint 0 .* is not number 1/,
    },
    {
      name: 'a checkpoint with two parents',
      tamper: (history) => {
        const { repository, run } = history;
        const message = repository.git('log', '-1', '--format=%B', `orch/${run}`);
        const tip = repository.git(
          ...[
            'commit-tree',
            `orch/${run}^{tree}`,
            '-p',
            `orch/${run}^`,
            '-p',
            'main',
            '-m',
            message,
          ],
        );
        repository.git('update-ref', `refs/heads/orch/${run}`, tip);
      },
      check: 'chain',
      what: /does not follow .* alone/,
    },
    {
      name: 'a segment of the journal that was edited here, with its checksums made to fit',
      tamper: (history) => {
        const text = readFileSync(segment(history, 0), 'utf8');
        writeFileSync(segment(history, 0), text.split('\n').slice(0, 1).join('\n').concat('\n'));
      },
      check: 'live',
      what: /segment 0 of the journal here is not as it was committed/,
    },
    {
      name: 'a journal that does not parse',
      tamper: (history) => appendFileSync(segment(history, 1), 'no event\n'),
      check: 'live',
      what: /the journal here cannot be read/,
    },
    {
      name: 'an attempt whose ref is gone',
      options: { fails: true },
      tamper: ({ repository, run }) =>
        repository.git('update-ref', '-d', `refs/orch/attempts/${run}/three/1`),
      check: 'refs',
      what: /attempt 1 of step three: .* is gone/,
    },
    {
      name: 'an attempt whose ref is elsewhere',
      options: { fails: true },
      tamper: ({ repository, run }) =>
        repository.git('update-ref', `refs/orch/attempts/${run}/three/1`, 'main'),
      check: 'refs',
      what: /is elsewhere/,
    },
    {
      name: 'an attempt that git has pruned',
      options: { fails: true },
      tamper: ({ repository, run }) => {
        repository.git('update-ref', '-d', `refs/orch/attempts/${run}/three/1`);
        repository.git('update-ref', '-d', `refs/orch/sealed/${run}/3`);
        repository.git('gc', '-q', '--prune=now');
      },
      check: 'objects',
      what: /attempt 1 of step three: .* is not there as a whole/,
    },
    {
      name: 'a checkpoint whose files are missing',
      tamper: ({ repository, run }) => {
        const blob = repository.git('rev-parse', `orch/${run}:two.txt`);
        repository.remove(`.git/objects/${blob.slice(0, 2)}/${blob.slice(2)}`);
      },
      check: 'objects',
      what: /objects of .* are missing/,
    },
    {
      name: 'a segment that a later checkpoint has rewritten',
      tamper: ({ repository, run }) => {
        const index = { GIT_INDEX_FILE: join(repository.folder, 'tampered') };
        repository.gitWith(index, 'read-tree', `orch/${run}`);
        const path = `.orch/runs/${run}/events/0.jsonl`;
        const other = repository.git('rev-parse', `orch/${run}:.orch/runs/${run}/events/1.jsonl`);
        repository.gitWith(index, 'update-index', '--cacheinfo', `100644,${other},${path}`);
        const tree = repository.gitWith(index, 'write-tree');
        const message = repository.git('log', '-1', '--format=%B', `orch/${run}`);
        const tip = repository.git('commit-tree', tree, '-p', `orch/${run}^`, '-m', message);
        repository.git('update-ref', `refs/heads/orch/${run}`, tip);
      },
      check: 'record',
      what: /has rewritten segment 0/,
    },
  ])('$name', async ({ tamper, check, what, options }) => {
    using history = await makeHistory(options);
    tamper(history);
    const findings = await findingsOf(history);
    const found = findings.find((finding) => finding.check === check && what.test(finding.what));
    expect(found, JSON.stringify(findings, null, 2)).toMatchObject({ severity: 'error' });
    expect(found?.fix).not.toBe('');
  });

  test('a ref that the journal does not know is only noted', async () => {
    using history = await makeHistory();
    history.repository.git('update-ref', `refs/orch/rescue/${history.run}/1`, 'main');
    const { ok, findings } = await history.json(['audit']);
    expect(ok).toBe(true);
    expect(findings).toMatchObject([{ severity: 'note', check: 'refs' }]);
  });

  test('a run that nobody knows is no run', async () => {
    using history = await makeHistory();
    const { error } = await history.json(['audit', 'nothing'], 2);
    expect(error).toMatchObject({ code: 'ORCH_NO_SUCH_RUN' });
  });
});
