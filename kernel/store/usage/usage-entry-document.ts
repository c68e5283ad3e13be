// Owns reading usage out of commit documents: only the fields that are summed, which are a small part of what a commit
// weighs. Does not own the form of commits (../ledger/entry-document.ts).

import type { UsageCommit, UsageEntry } from '../../app/usage/ports.ts';
import { DomainError } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import type { CommitDocument } from '../ledger/commit-document.ts';
import type { EntryDocument } from '../ledger/entry-document.ts';
import { assertKnownVersion } from '../ledger/state-version.ts';

type UsageFields = 'type' | 'action' | 'quantity' | 'cost' | 'project_id' | 'workflow_id' | 'usage';

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
  ...{ 'entries.project_id': 1, 'entries.workflow_id': 1, 'entries.usage': 1 },
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
  const { type, usage } = entry;
  if (type === 'reversed') {
    if (usage === undefined) return undefined;
    return { type, usage: { ...fromDocumentCharge(usage, commit), at: usage.at.getTime() } };
  }
  return type === 'debited' || type === 'settled' ? { type, ...fromDocumentCharge(entry, commit) } : undefined;
}

function fromDocumentCharge(
  { action, quantity, cost, project_id: projectId, workflow_id: workflowId }: Omit<Partial<EntryDocument>, 'type'>,
  { tenant_id: tenantId, seq }: UsageCommitDocument,
) {
  if (action === undefined || quantity === undefined || cost === undefined) {
    const message = `a charge in commit ${seq} of ${tenantId} lacks action, quantity or cost: an operator must look`;
    throw new DomainError('LEDGER_CORRUPT', message, { metadata: { commit_seq: String(seq) } });
  }
  return { action, quantity, cost, ...present({ projectId, workflowId }) };
}
