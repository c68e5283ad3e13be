// Rounds over a head, and heads read back: what a kernel decided over its own head is what any other kernel rebuilds.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccountHead } from '../../kernel/app/ledger/account-head.ts';
import { HeadLoader } from '../../kernel/app/ledger/head-loader.ts';
import { COMMIT_BYTES_MAX, SNAPSHOT_INTERVAL_COMMITS } from '../../kernel/domain/bound.ts';
import { roundCount } from '../support/round-count.ts';
import { debit, EXPIRE, giveGrant, keyOf, openAccount, START, TENANT } from './support/command.ts';
import { histories } from './support/history.ts';
import { Writer } from './support/writer.ts';

/** A writer with so many commits, the account large enough that most carry no state. */
function writerWith(commits: number): Writer {
  const writer = new Writer();
  writer.write(START, openAccount(), ...Array.from({ length: 40 }, (_, n) => giveGrant(n, 100n)));
  for (let n = 1; n < commits; n += 1) writer.write(START + n, debit('1', { key: keyOf(`c${n}`) }));
  return writer;
}

function plain(head: AccountHead): unknown {
  return { ...head, hash: Buffer.from(head.hash).toString('hex') };
}

describe('a round', () => {
  it('makes commits without a gap, each sealed to the one before, at a time that never goes back', () => {
    const writer = new Writer();
    writer.write(START + 5, openAccount(), giveGrant('a', 10n));
    writer.write(START + 3, debit('1'));
    writer.write(START + 7, debit('1'));
    expect(writer.memory.commits.map(({ seq, createdAt }) => [seq, createdAt])).toEqual([
      [1, START + 5],
      [2, START + 5],
      [3, START + 7],
    ]);
  });

  it('makes no commit where nothing is to be recorded', () => {
    const writer = writerWith(1);
    writer.write(START, EXPIRE);
    writer.write(START, debit('99999'));
    expect(writer.memory.commits).toHaveLength(1);
  });

  it('never lets what expired be spent because its own clock is behind the last commit', () => {
    const writer = new Writer();
    writer.write(START, openAccount(), giveGrant('a', 10n, { expiresAt: START + 10 }));
    writer.write(START + 10, giveGrant('b', 1n));
    writer.write(START + 9, debit('2'));
    expect(writer.head.state.totals.payg).toBe(1n);
  });

  it('fits into a commit at its very largest, within the bounds of the contract', () => {
    const writer = new Writer();
    writer.write(START, openAccount());
    for (let from = 0; from < 1_000; from += 200) {
      writer.write(
        START,
        ...Array.from({ length: 200 }, (_, n) =>
          giveGrant(`0198c0de-0000-7000-8000-${String(from + n).padStart(12, '0')}`, 1n),
        ),
      );
    }
    const value = '€'.repeat(256);
    const dimensions = Object.fromEntries(
      Array.from({ length: 16 }, (_, n) => [`${'d'.repeat(62)}${n}`.slice(0, 64), value]),
    );
    const id = '€'.repeat(128);
    for (let round = 0; round < 5; round += 1) {
      const commands = Array.from({ length: 256 }, () =>
        debit('3', {
          projectId: id,
          workflowId: id,
          runId: id,
          personal: { digest: 'd'.repeat(43), salt: 's'.repeat(22), dimensions },
        }),
      );
      writer.write(START + round, ...commands);
    }
    expect(writer.memory.commits.length).toBeGreaterThan(8);
    const sizes = writer.heads.slice(1).map((_, index) => commitSize(writer, index));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(COMMIT_BYTES_MAX);
    expect(Math.max(...sizes)).toBeGreaterThan(COMMIT_BYTES_MAX / 2);
  });

  it('stores a large state often enough that no kernel reads more than its bound', () => {
    const writer = writerWith(3 * SNAPSHOT_INTERVAL_COMMITS);
    const withState = writer.memory.commits.flatMap(({ seq, state }) => (state === undefined ? [] : [seq]));
    const gaps = withState.map((seq, index) => (withState[index + 1] ?? writer.head.seq + 1) - seq);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(SNAPSHOT_INTERVAL_COMMITS);
    expect(withState.length).toBeLessThan(6);
  });
});

function commitSize(writer: Writer, index: number): number {
  const commit = writer.memory.commits[index];
  const before = writer.heads[index];
  if (commit === undefined || before === undefined) throw new Error(`there is no commit ${index}`);
  return writer.memory.store.prepareCommit(commit, before.hash).bytes;
}

describe('a head', () => {
  it('is found from any hint, right or wrong, with a bounded number of reads', async () => {
    const writer = writerWith(150);
    for (const hint of [undefined, 0, 1, 2, 31, 32, 33, 64, 100, 148, 149, 150, 151, 500, 2 ** 40]) {
      const { memory } = writer;
      memory.hint = hint;
      memory.reads.length = 0;
      const head = await new HeadLoader(memory.store).load(TENANT);
      expect(plain(head), `hint ${hint}`).toEqual(plain(writer.head));
      expect(memory.reads.length, `hint ${hint}`).toBeLessThanOrEqual(8);
    }
  });

  it.each([0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 66, 130])(
    'is found in an account of %i commits',
    async (count) => {
      const writer = count === 0 ? new Writer() : writerWith(count);
      expect(plain(await new HeadLoader(writer.memory.store).load(TENANT))).toEqual(plain(writer.head));
    },
  );

  it('is found as it was at any commit, and so is the one after which it is asked for', async () => {
    const writer = writerWith(140);
    const loader = new HeadLoader(writer.memory.store);
    for (const head of writer.heads) {
      expect(plain(await loader.loadAt(TENANT, head.seq))).toEqual(plain(head));
      const seen = await loader.refresh(head);
      expect(plain(seen.head), `from ${head.seq}`).toEqual(plain(writer.head));
      expect(seen.next?.seq).toBe(head.seq === writer.head.seq ? undefined : head.seq + 1);
    }
  });

  it('that is the newest is known after one read', async () => {
    const writer = writerWith(70);
    writer.memory.reads.length = 0;
    await new HeadLoader(writer.memory.store).refresh(writer.head);
    expect(writer.memory.reads).toHaveLength(1);
  });

  it('is what the history gives, whatever the history', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fc.nat(), async (history, from) => {
        const writer = new Writer();
        for (const { now, commands } of history) writer.write(now, ...commands);
        const loader = new HeadLoader(writer.memory.store);
        expect(plain(await loader.load(TENANT))).toEqual(plain(writer.head));
        const known = writer.heads[from % writer.heads.length] ?? writer.head;
        expect(plain((await loader.refresh(known)).head)).toEqual(plain(writer.head));
      }),
      { numRuns: roundCount(40, 2_000) },
    );
  });

  it('is found where a commit lands while the index is scanned, and one after it is seen first', async () => {
    for (const missed of [1, 2, 5, 40]) {
      const writer = writerWith(41);
      const known = writer.heads[Math.max(0, missed - 3)] ?? writer.head;
      writer.memory.reads.length = 0;
      writer.memory.isVisible = ({ seq }, readCount) => seq !== missed || readCount > 1;
      const seen = await new HeadLoader(writer.memory.store).refresh(known);
      expect(plain(seen.head), `missed ${missed}`).toEqual(plain(writer.head));
      // The committer takes it for the commit that won its race: any other would let it miss its own.
      expect(seen.next?.seq).toBe(known.seq + 1);
    }
  });

  it('is refused as corrupt where a commit is gone for good, and not looked for without end', async () => {
    const writer = writerWith(10);
    const loader = new HeadLoader(writer.memory.store);
    writer.memory.commits.splice(5, 1);
    const known = writer.heads[5] ?? writer.head;
    await expect(loader.refresh(known)).rejects.toMatchObject({ reason: 'LEDGER_CORRUPT' });
  });

  it('is refused as corrupt where a commit states other totals than its entries give', async () => {
    const { memory } = writerWith(10);
    const edited = memory.commits[7];
    if (edited === undefined || edited.state !== undefined) throw new Error('commit 8 is not one without a state');
    memory.commits[7] = { ...edited, totals: { ...edited.totals, payg: edited.totals.payg + 1n } };
    await expect(new HeadLoader(memory.store).load(TENANT)).rejects.toMatchObject({ reason: 'LEDGER_CORRUPT' });
  });

  it('is refused as corrupt where an entry was edited', async () => {
    const writer = writerWith(10);
    const { memory } = writer;
    const edited = memory.commits[7];
    if (edited === undefined) throw new Error('there is no commit 8');
    memory.commits[7] = {
      ...edited,
      entries: edited.entries.map((entry) => (entry.type === 'debited' ? { ...entry, cost: 0n, draws: [] } : entry)),
    };
    await expect(new HeadLoader(memory.store).load(TENANT)).rejects.toMatchObject({ reason: 'LEDGER_CORRUPT' });
  });
});
