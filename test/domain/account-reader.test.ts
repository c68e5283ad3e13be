// An account as it is read: what fell due since its newest commit is worked out for whoever reads, and only once.

import { describe, expect, it } from 'vitest';
import { AccountReader } from '../../kernel/app/ledger/account-reader.ts';
import { LaneRegistry } from '../../kernel/app/ledger/lane-registry.ts';
import type { Clock } from '../../kernel/app/ports.ts';
import type { Instant } from '../../kernel/domain/id.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { debit, giveGrant, openAccount, reserve, START, TENANT } from './support/command.ts';
import { Writer } from './support/writer.ts';

const DUE = START + 1_000;

/** An account of which a hold of 4 ends at {@link DUE} and a grant of 6 one second later, and a reader whose time can be set. */
function createStage() {
  const writer = new Writer();
  writer.write(START, openAccount(), giveGrant('a', 6n, { expiresAt: DUE + 1_000 }), giveGrant('b', 10n));
  writer.write(START + 1, reserve('4', { expiresAt: DUE }));
  let now: Instant = START + 1;
  const clock: Clock = { now: () => now, estimate: () => now, measure: () => Promise.resolve() };
  const reader = new AccountReader(writer.memory.store, new LaneRegistry(), clock, PROCESS_PACING);
  const readAs = (at: Instant) => {
    now = at;
    return reader.readNow(TENANT);
  };
  return { writer, reader, readAs };
}

describe('an account that is read', () => {
  it('is brought up to now once for all who read the same commit', async () => {
    const { readAs } = createStage();
    const first = await readAs(DUE);
    expect(first.head.state).toMatchObject({ holds: [], totals: { payg: 16n, held: 0n } });
    // The very same object: nothing was worked out again.
    const others = await Promise.all([readAs(DUE), readAs(DUE), readAs(DUE + 1)]);
    for (const { head } of others) expect(head.state).toBe(first.head.state);
  });

  it('is brought on from there as more falls due, to what it would be at once', async () => {
    const { readAs } = createStage();
    await readAs(DUE);
    const later = await readAs(DUE + 1_000);
    expect(later.head.state.totals).toMatchObject({ payg: 10n, held: 0n });
    expect(later.head.state).toEqual((await createStage().readAs(DUE + 1_000)).head.state);
  });

  it('is told as it was before, also after somebody read it as it is later', async () => {
    const { reader, readAs } = createStage();
    await readAs(DUE + 1_000);
    const before = await reader.readAt(TENANT, DUE - 1);
    expect(before.head.state).toMatchObject({ holds: [{}], totals: { payg: 16n, held: 4n } });
    expect((await readAs(DUE + 1_000)).head.state.totals).toMatchObject({ payg: 10n, held: 0n });
  });

  it('is read anew where a commit came since', async () => {
    const { writer, readAs } = createStage();
    await readAs(DUE);
    writer.write(DUE, debit('1'));
    expect((await readAs(DUE)).head).toMatchObject({ seq: 3, state: { totals: { payg: 15n, held: 0n } } });
  });
});
