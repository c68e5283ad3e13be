// Owns the operators' commands that look at accounts: `ledger balance`, `entries`, `explain`. Does not own what they hold (the kernel),
// or correcting them (ledger-command.ts).

import type { Command } from 'commander';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import type { Grant } from '../../gen/wheelhouse/ledger/v1/balance.ts';
import { type Entry, EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  GetBalanceRequest,
  type GetBalanceResponse,
  LedgerServiceService as Ledgers,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { ExplainEntryRequest, UsageServiceService as Usages } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import {
  addListOptions,
  type CommandStreams,
  type OutputOptions,
  parseLimit,
  parseTime,
  readPages,
  withKernel,
} from './operator-command.ts';
import { type Column, enumNameOf, printRows, type Row, toPrintable } from './table.ts';

const PAGE_SIZE = 1_000;
const LIMIT_DEFAULT = 50;

const BALANCE_COLUMNS: readonly Column[] = [
  ...['plan_code', 'as_of_time'].map((field) => ({ field })),
  ...['trial', 'included', 'payg', 'held', 'available', 'deficit'].map((field) => ({ field, isNumber: true })),
];
const GRANT_COLUMNS: readonly Column[] = [
  ...['grant_id', 'bucket', 'source'].map((field) => ({ field })),
  ...['granted', 'remaining', 'held'].map((field) => ({ field, isNumber: true })),
  ...['effective_time', 'expire_time'].map((field) => ({ field })),
];
const ENTRY_COLUMNS: readonly Column[] = [
  ...['create_time', 'entry_id', 'type', 'action'].map((field) => ({ field })),
  ...['microcredits', 'available'].map((field) => ({ field, isNumber: true })),
  ...['actor', 'reversed_by_entry_id'].map((field) => ({ field })),
];

interface EntryListOptions extends OutputOptions {
  readonly action?: string;
  readonly project?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit: number;
}

/** Adds the commands that look at accounts. */
export function addLedgerReaders(ledger: Command, streams: CommandStreams): void {
  addBalanceCommand(ledger, streams);
  addListCommand(ledger, streams);
  addListOptions(ledger.command('explain'))
    .description('explains one entry: in one sentence, or all that stands behind it with --json')
    .argument('<tenant>', "the workspace's id")
    .argument('<entry>', "the entry's id")
    .action(async (tenantId: string, entryId: string, { json = false }: OutputOptions) => {
      const request = ExplainEntryRequest.fromPartial({ tenantId, entryId });
      const { entry, grants, summary, ...commit } = await withKernel(streams, (kernel) =>
        kernel.ask(Usages.explainEntry, request),
      );
      const facts = { ...(entry === undefined ? {} : toEntryRow(entry)), summary };
      const proof = { commit_id: commit.commitId, commit_hash: commit.commitHash, grants: grants.map(toGrantRow) };
      if (json) printRows(streams.out, [{ ...facts, ...proof }], [], true);
      else streams.out.write(`${toPrintable(summary)}\n`);
    });
}

function addBalanceCommand(ledger: Command, streams: CommandStreams): void {
  addListOptions(ledger.command('balance'))
    .description('shows what an account holds, in microcredits, and the grants that make it up')
    .argument('<tenant>', "the workspace's id")
    .option('--at <time>', 'what it held at a time (default: now)', parseTime)
    .action(async (tenantId: string, { at: atTime, json = false }: OutputOptions & { at?: Date }) => {
      const request = GetBalanceRequest.fromPartial({ tenantId, atTime, includeGrants: true });
      const answer = await withKernel(streams, (kernel) => kernel.ask(Ledgers.getBalance, request));
      const grants = answer.grants.map(toGrantRow);
      if (json) {
        printRows(streams.out, [{ ...toBalanceRow(answer), grants }], [], true);
        return;
      }
      printRows(streams.out, [toBalanceRow(answer)], BALANCE_COLUMNS, false);
      streams.out.write('\n');
      printRows(streams.out, grants, GRANT_COLUMNS, false);
    });
}

function addListCommand(ledger: Command, streams: CommandStreams): void {
  addListOptions(ledger.command('entries'))
    .description('lists the entries of an account, the newest first')
    .argument('<tenant>', "the workspace's id")
    .option('--action <action>', 'only those of one action')
    .option('--project <id>', 'only those of one project')
    .option('--since <time>', 'only from a time on', parseTime)
    .option('--until <time>', 'only before a time', parseTime)
    .option('--limit <rows>', 'how many at most', parseLimit, LIMIT_DEFAULT)
    .action(async (tenantId: string, options: EntryListOptions) => {
      const { action = '', project: projectId = '', since: startTime, until: endTime, limit, json = false } = options;
      const filter = { action, projectId, startTime, endTime };
      const found = await withKernel(streams, (kernel) =>
        readPages(async (pageToken) => {
          const pageSize = Math.min(limit, PAGE_SIZE);
          const request = ListEntriesRequest.fromPartial({ tenantId, filter, pageSize, pageToken });
          const { entries: items, nextPageToken } = await kernel.ask(Ledgers.listEntries, request);
          return { items, nextPageToken };
        }, limit),
      );
      printRows(streams.out, found.map(toEntryRow), ENTRY_COLUMNS, json);
    });
}

function toBalanceRow({ balance, planCode, asOfTime, commitSeq, ...answer }: GetBalanceResponse): Row {
  return {
    plan_code: planCode,
    as_of_time: asOfTime?.toISOString() ?? '',
    trial: String(balance?.trialRemainingMicrocredits ?? 0n),
    included: String(balance?.includedRemainingMicrocredits ?? 0n),
    payg: String(balance?.paygRemainingMicrocredits ?? 0n),
    held: String(balance?.heldMicrocredits ?? 0n),
    available: String(balance?.availableMicrocredits ?? 0n),
    deficit: String(balance?.deficitMicrocredits ?? 0n),
    overdraft_limit: String(answer.overdraftLimitMicrocredits),
    commit_seq: String(commitSeq),
  };
}

function toGrantRow(grant: Grant): Row {
  return {
    grant_id: grant.grantId,
    bucket: enumNameOf(Bucket, grant.bucket),
    source: grant.source,
    granted: String(grant.grantedMicrocredits),
    remaining: String(grant.remainingMicrocredits),
    held: String(grant.heldMicrocredits),
    effective_time: grant.effectiveTime?.toISOString() ?? '',
    expire_time: grant.expireTime?.toISOString() ?? '',
  };
}

/** Makes the row of an entry; what it is about stays empty where the entry has no such thing. */
export function toEntryRow(entry: Entry): Row {
  return {
    entry_id: entry.entryId,
    tenant_id: entry.tenantId,
    type: enumNameOf(EntryType, entry.type),
    create_time: entry.createTime?.toISOString() ?? '',
    commit_seq: String(entry.commitSeq),
    request_id: entry.requestId,
    ...toAmountFields(entry),
    available: String(entry.balanceAfter?.availableMicrocredits ?? 0n),
    reversed_by_entry_id: entry.reversedByEntryId,
  };
}

/** What an entry gave (above 0) or took, and for what. */
function toAmountFields({ detail }: Entry): Row {
  const nothing = { action: '', microcredits: '', actor: '' };
  switch (detail?.$case) {
    case 'debit':
      return { ...nothing, action: detail.value.action, microcredits: String(-detail.value.costMicrocredits) };
    case 'settlement': {
      const { action = '', costMicrocredits = 0n } = detail.value.charge ?? {};
      return { ...nothing, action, microcredits: String(-costMicrocredits) };
    }
    case 'granting': {
      const { grant, actor } = detail.value;
      return { ...nothing, microcredits: String(grant?.grantedMicrocredits ?? 0n), actor };
    }
    case 'adjustment':
      return { ...nothing, microcredits: String(detail.value.deltaMicrocredits), actor: detail.value.actor };
    case 'reversal':
    case 'redaction':
      return { ...nothing, actor: detail.value.actor };
    default:
      return nothing;
  }
}
