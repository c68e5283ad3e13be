// Owns writing a history commit by commit, with the documents and heads that a kernel makes of it.

import { type AccountHead, unopenedHead } from '../../../kernel/app/ledger/account-head.ts';
import type { Task } from '../../../kernel/app/ledger/lane.ts';
import { decideRound } from '../../../kernel/app/ledger/round.ts';
import type { IdSource } from '../../../kernel/app/ports.ts';
import type { Command } from '../../../kernel/domain/command.ts';
import type { GrantId, Instant } from '../../../kernel/domain/id.ts';
import { grantIdOf, TENANT } from './command.ts';
import { commitIdOf } from './commit.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';
import { Past } from './reference.ts';

/** Makes commits one after the other, as the committer does where nobody else writes. */
export class Writer {
  readonly memory: MemoryStore = createMemoryStore();
  /** The head after each commit; the first is that of nothing. */
  readonly heads: AccountHead[] = [unopenedHead(TENANT)];
  readonly #past = new Past();
  readonly #ids: IdSource = {
    commitId: () => commitIdOf(this.heads.length),
    grantId: (): GrantId => grantIdOf('none'),
    salt: () => 'salt',
  };

  get head(): AccountHead {
    return this.heads.at(-1) ?? unopenedHead(TENANT);
  }

  /** Decides commands in one round and stores its commit, where there is one. */
  write(now: Instant, ...commands: readonly Command[]): void {
    const tasks = commands
      .map((command) => this.#past.resolve(command))
      .filter((command) => !this.#past.hasEffect(command))
      .map(taskOf);
    const round = decideRound(this.head, tasks, now, { store: this.memory.store, ids: this.#ids });
    if (round.prepared === undefined) return;
    const { seq, createdAt } = round.nextHead;
    this.#past.add({ seq, createdAt, before: round.head.state, entries: round.batch.entries });
    void this.memory.store.insertCommits([round.prepared]);
    this.heads.push(round.nextHead);
  }
}

function taskOf(command: Command): Task {
  const answer = (): void => {};
  return { command, deadlineAtMs: Number.POSITIVE_INFINITY, resolve: answer, reject: answer };
}
