// Long histories, made as a kernel makes them but without its callers: every commit is decided, sealed and stored as ever,
// many of them in one insert.

import type { AccountHead } from '../../kernel/app/ledger/account-head.ts';
import { HeadLoader } from '../../kernel/app/ledger/head-loader.ts';
import type { Task } from '../../kernel/app/ledger/lane.ts';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { decideRound } from '../../kernel/app/ledger/round.ts';
import type { LedgerStore, PreparedCommit } from '../../kernel/app/ports.ts';
import type { Debit } from '../../kernel/domain/command.ts';
import type { IdempotencyKey, Instant } from '../../kernel/domain/id.ts';
import type { Rulebook } from '../../kernel/domain/rulebook.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { ACTION, quantity } from './ledger-fixture.ts';

const COMMITS_PER_INSERT = 128;
const PROJECTS = 5;
const WORKFLOWS = 20;

/** How long a history is, and how its time runs. */
export interface LongHistory {
  readonly commits: number;
  readonly entriesPerCommit: number;
  /** When the first commit is made; each is `stepMs` after the one before. */
  readonly startAt: Instant;
  readonly stepMs: number;
}

/** Debits a credit for each entry, on top of what the account has. */
export async function writeLongHistory(
  store: LedgerStore,
  { tenantId }: TenantRef,
  rulebook: Rulebook,
  history: LongHistory,
): Promise<AccountHead> {
  const tools = { store, ids: RANDOM_ID_SOURCE };
  let head = await new HeadLoader(store).load(tenantId);
  let waiting: PreparedCommit[] = [];
  const base = { type: 'debit', tenantId, action: ACTION, quantity: quantity('1'), alreadyPerformed: true } as const;
  for (let index = 0; index < history.commits; index += 1) {
    const tasks = Array.from({ length: history.entriesPerCommit }, (_, place): Task => {
      const number = index * history.entriesPerCommit + place;
      const context = { projectId: `prj_${number % PROJECTS}`, workflowId: `wf_${number % WORKFLOWS}` };
      const key = `req:internal/test:debit:${number}` as IdempotencyKey;
      const command: Debit = { ...base, ...context, key, rulebook };
      return { command, deadlineAtMs: Number.POSITIVE_INFINITY, resolve: () => {}, reject: () => {} };
    });
    const round = decideRound(head, tasks, history.startAt + index * history.stepMs, tools);
    if (round.prepared === undefined) throw new Error('a round of debits came to nothing');
    head = round.nextHead;
    waiting.push(round.prepared);
    if (waiting.length < COMMITS_PER_INSERT && index + 1 < history.commits) continue;
    const outcomes = await store.insertCommits(waiting);
    if (outcomes.some(({ kind }) => kind !== 'acknowledged')) throw new Error('a commit was not acknowledged');
    waiting = [];
  }
  return head;
}
