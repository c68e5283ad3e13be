// Owns the operators' commands that correct accounts: `ledger grant`, `adjust`, `reverse`, `redact`. Does not own what can be done
// (the kernel), or looking at accounts (ledger-reader.ts).

import { type Command, InvalidArgumentError } from 'commander';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import type { Entry } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  LedgerAuditServiceService as Audits,
  RedactEntryRequest,
  ReverseEntryRequest,
  type ReverseEntryResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import {
  AdjustRequest,
  GrantRequest,
  LedgerServiceService as Ledgers,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { describeCredits } from '../app/usage/figure-text.ts';
import { addLedgerReaders, toEntryRow } from './ledger-reader.ts';
import {
  addWriteOptions,
  type CommandStreams,
  parseInteger,
  parseTime,
  tellOnce,
  type WriteOptions,
  write,
} from './operator-command.ts';

const BUCKETS = { trial: Bucket.TRIAL, included: Bucket.INCLUDED, payg: Bucket.PAYG } as const;

/** Adds the commands about ledgers. */
export function addLedgerCommands(program: Command, streams: CommandStreams): void {
  const ledger = program.command('ledger').description('looks at accounts, and corrects them');
  addLedgerReaders(ledger, streams);
  addGrantCommand(ledger, streams);
  addAdjustCommand(ledger, streams);
  addEntryCommands(ledger, streams);
}

interface GrantOptions extends WriteOptions {
  readonly from?: Date;
  readonly until?: Date;
}

function addGrantCommand(ledger: Command, streams: CommandStreams): void {
  addWriteOptions(ledger.command('grant'))
    .description('gives credits, such as for a fault of ours')
    .argument('<tenant>', "the workspace's id")
    .argument('<bucket>', `one of ${Object.keys(BUCKETS).join(', ')}`, parseBucket)
    .argument('<microcredits>', 'how much; a credit is 1000000', parseInteger)
    .option('--from <time>', 'from when on they count (default: now)', parseTime)
    .option('--until <time>', 'when what is left of them expires (default: never)', parseTime)
    .action(async (tenantId: string, bucket: Bucket, microcredits: bigint, options: GrantOptions) => {
      const fields = { tenantId, bucket, microcredits, effectiveTime: options.from, expireTime: options.until };
      const { entry, replayed } = await write(streams, options, (kernel, by) =>
        kernel.ask(Ledgers.grant, GrantRequest.fromPartial({ ...fields, ...by })),
      );
      tellEntry(streams, options, { entry, replayed, did: `Gave ${describeCredits(microcredits)}` });
    });
}

function addAdjustCommand(ledger: Command, streams: CommandStreams): void {
  addWriteOptions(ledger.command('adjust'))
    .description('corrects a bucket by an amount; write one that takes as `ledger adjust … -- ID BUCKET -5000000`')
    .argument('<tenant>', "the workspace's id")
    .argument('<bucket>', `one of ${Object.keys(BUCKETS).join(', ')}`, parseBucket)
    .argument('<microcredits>', 'above 0 adds, below 0 takes; a credit is 1000000', parseInteger)
    .action(async (tenantId: string, bucket: Bucket, deltaMicrocredits: bigint, options: WriteOptions) => {
      const { entry, replayed } = await write(streams, options, (kernel, by) =>
        kernel.ask(Ledgers.adjust, AdjustRequest.fromPartial({ tenantId, bucket, deltaMicrocredits, ...by })),
      );
      const amount = describeCredits(deltaMicrocredits < 0n ? -deltaMicrocredits : deltaMicrocredits);
      const did = deltaMicrocredits < 0n ? `Took ${amount}` : `Added ${amount}`;
      tellEntry(streams, options, { entry, replayed, did });
    });
}

function addEntryCommands(ledger: Command, streams: CommandStreams): void {
  const addEntryCommand = (name: string, description: string): Command =>
    addWriteOptions(ledger.command(name))
      .description(description)
      .argument('<tenant>', "the workspace's id")
      .argument('<entry>', "the entry's id");
  addEntryCommand('reverse', 'undoes one charge, grant or adjustment by a new entry, once').action(
    async (tenantId: string, entryId: string, options: WriteOptions) => {
      const answer = await reverseEntry(streams, { tenantId, entryId }, options);
      tellEntry(streams, options, { ...answer, did: `Undid ${entryId}` });
    },
  );
  addEntryCommand(
    'redact',
    'removes the personal text of one entry for good: its reason and dimensions; the proof of the history stays whole',
  ).action(async (tenantId: string, entryId: string, options: WriteOptions) => {
    const answer = await write(streams, options, (kernel, by) =>
      kernel.ask(Audits.redactEntry, RedactEntryRequest.fromPartial({ tenantId, entryId, ...by })),
    );
    tellEntry(streams, options, { ...answer, did: `Removed the personal text of ${entryId}` });
  });
}

/** Has a kernel undo an entry. Throws Error with a sentence for people where it can't. */
export async function reverseEntry(
  streams: CommandStreams,
  target: { readonly tenantId: string; readonly entryId: string },
  options: WriteOptions,
): Promise<ReverseEntryResponse> {
  return await write(streams, options, (kernel, by) =>
    kernel.ask(Audits.reverseEntry, ReverseEntryRequest.fromPartial({ ...target, ...by })),
  );
}

interface Correction {
  readonly entry: Entry | undefined;
  readonly replayed: boolean;
  readonly did: string;
}

function tellEntry(streams: CommandStreams, options: WriteOptions, { entry, replayed, did }: Correction): void {
  const facts = entry === undefined ? {} : toEntryRow(entry);
  const available = describeCredits(entry?.balanceAfter?.availableMicrocredits ?? 0n);
  const done = `${did} by ${entry?.entryId ?? ''}, after which ${available} were available`;
  tellOnce(streams, options, { ...facts, replayed }, done);
}

function parseBucket(text: string): Bucket {
  const bucket = Object.entries(BUCKETS).find(([name]) => name === text)?.[1];
  if (bucket === undefined) throw new InvalidArgumentError(`give one of ${Object.keys(BUCKETS).join(', ')}.`);
  return bucket;
}
