// Owns reading usage out of commit documents: only the fields that are summed or say what work an entry is about, which are
// a small part of what a commit weighs. Does not own the form of commits (../ledger/entry-document.ts).

import type { DimensionCommit, DimensionedCharge, UsageCommit, UsageEntry } from '../../app/usage/ports.ts';
import { DomainError } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import type { CommitDocument } from '../ledger/commit-document.ts';
import type { EntryDocument } from '../ledger/entry-document.ts';
import { assertKnownVersion } from '../ledger/state-version.ts';

type UsageFields =
  | ('type' | 'action' | 'quantity' | 'cost' | 'project_id' | 'workflow_id' | 'run_id' | 'run_status')
  | ('entry_id' | 'usage' | 'personal');

/** What is read of a commit. */
export interface UsageCommitDocument
  extends Pick<CommitDocument, 'tenant_id' | 'seq' | 'created_at' | 'state_version'> {
  readonly entries: readonly Pick<EntryDocument, UsageFields>[];
}

/** The fields of {@link UsageCommitDocument}. */
export const USAGE_PROJECTION = {
  _id: 0,
  tenant_id: 1,
  seq: 1,
  created_at: 1,
  state_version: 1,
  ...{ 'entries.type': 1, 'entries.action': 1, 'entries.quantity': 1, 'entries.cost': 1 },
  ...{ 'entries.project_id': 1, 'entries.workflow_id': 1, 'entries.entry_id': 1, 'entries.usage': 1 },
  ...{ 'entries.run_id': 1, 'entries.run_status': 1 },
} as const;

/** The fields of {@link UsageCommitDocument} that free dimensions are read from. */
export const DIMENSION_PROJECTION = {
  ...{ _id: 0, tenant_id: 1, seq: 1, created_at: 1, state_version: 1 },
  ...{ 'entries.type': 1, 'entries.action': 1, 'entries.cost': 1, 'entries.project_id': 1, 'entries.workflow_id': 1 },
  'entries.personal.dimensions': 1,
} as const;

/**
 * Translates what was read of a commit.
 * Throws DomainError STATE_VERSION_UNSUPPORTED where a newer release wrote it, LEDGER_CORRUPT where an entry lacks a field.
 */
export function fromDocumentUsageCommit(document: UsageCommitDocument): UsageCommit {
  assertKnownVersion(document.state_version, document);
  return {
    seq: Number(document.seq),
    createdAt: document.created_at.getTime(),
    entryCount: document.entries.length,
    entries: document.entries.flatMap((entry) => fromDocumentEntry(entry, document) ?? []),
  };
}

function fromDocumentEntry(
  entry: UsageCommitDocument['entries'][number],
  commit: UsageCommitDocument,
): UsageEntry | undefined {
  const { type, usage, entry_id: entryId } = entry;
  switch (type) {
    case 'debited':
    case 'settled':
      return { type, ...fromDocumentCharge(entry, commit), ...fromDocumentRun(entry) };
    case 'run_reported':
      return { type, ...fromDocumentPlace(entry), ...requireRun(entry, commit) };
    case 'reserved':
    case 'hold_extended':
    case 'hold_released':
    case 'hold_expired':
      return { type, ...fromDocumentSubject(entry, commit) };
    case 'reversed':
      if (usage === undefined) return undefined;
      if (entryId === undefined) throw lacking(commit, 'the entry that it undid');
      return { type, entryId, usage: { ...fromDocumentCharge(usage, commit), at: usage.at.getTime() } };
    default:
      return undefined;
  }
}

type Fields = Omit<Partial<EntryDocument>, 'type'>;

function fromDocumentCharge(fields: Fields, commit: UsageCommitDocument) {
  const { quantity, cost } = fields;
  if (quantity === undefined || cost === undefined) throw lacking(commit, 'its quantity or cost');
  return { ...fromDocumentSubject(fields, commit), quantity, cost };
}

function fromDocumentSubject({ action, ...fields }: Fields, commit: UsageCommitDocument) {
  if (action === undefined) throw lacking(commit, 'its action');
  return { action, ...fromDocumentPlace(fields) };
}

function fromDocumentPlace({ project_id: projectId, workflow_id: workflowId }: Fields) {
  return present({ projectId, workflowId });
}

function fromDocumentRun({ run_id: runId, run_status: runStatus }: Fields) {
  return present({ runId, runStatus });
}

function requireRun({ run_id: runId, run_status: runStatus }: Fields, commit: UsageCommitDocument) {
  if (runId === undefined || runStatus === undefined) throw lacking(commit, 'its run');
  return { runId, runStatus };
}

/**
 * Translates what was read of a commit for its free dimensions.
 * Throws DomainError STATE_VERSION_UNSUPPORTED where a newer release wrote it, LEDGER_CORRUPT where a charge lacks a field.
 */
export function fromDocumentDimensionCommit(document: UsageCommitDocument): DimensionCommit {
  assertKnownVersion(document.state_version, document);
  return {
    seq: Number(document.seq),
    createdAt: document.created_at.getTime(),
    entryCount: document.entries.length,
    charges: document.entries.flatMap((entry, index) => fromDocumentDimensioned(entry, index, document) ?? []),
  };
}

function fromDocumentDimensioned(
  entry: UsageCommitDocument['entries'][number],
  index: number,
  commit: UsageCommitDocument,
): DimensionedCharge | undefined {
  const { type, cost, personal } = entry;
  if ((type !== 'debited' && type !== 'settled') || personal?.dimensions === undefined) return undefined;
  if (cost === undefined) throw lacking(commit, 'its cost');
  const { action, projectId = '', workflowId = '' } = fromDocumentSubject(entry, commit);
  const dimensions = Object.fromEntries(personal.dimensions.map(({ name, value }) => [name, value]));
  return { index, subject: { action, projectId, workflowId }, cost, dimensions };
}

function lacking({ tenant_id: tenantId, seq }: UsageCommitDocument, what: string): DomainError {
  const message = `an entry in commit ${seq} of ${tenantId} lacks ${what}: an operator must look`;
  return new DomainError('LEDGER_CORRUPT', message, { metadata: { commit_seq: String(seq) } });
}
