// Owns the use cases of operators that concern an earlier entry: undoing it and removing its personal text.

import type { Redact, ReversalTarget, Reverse } from '../../domain/command.ts';
import type { Entry } from '../../domain/entry.ts';
import type { Grant } from '../../domain/grant.ts';
import { findGrant } from '../../domain/grant-book.ts';
import type { EntryId } from '../../domain/id.ts';
import type { AccountDesk } from './account-desk.ts';
import { type FoundEntry, findEntry, loadStateBefore } from './entry-lookup.ts';
import type { CorrectionInput, Ledger, Posting, TenantRef, WriteContext } from './ledger.ts';
import { identifyRedaction, identifyReversal } from './operator-identity.ts';
import { reversalKey } from './request-identity.ts';

/** Serves corrections of every tenant's history. */
export class CorrectionDesk implements Pick<Ledger, 'reverse' | 'redact'> {
  readonly #desk: AccountDesk;

  constructor(desk: AccountDesk) {
    this.#desk = desk;
  }

  async reverse(tenant: TenantRef, input: CorrectionInput, context: WriteContext): Promise<Posting> {
    const { actor, reason } = input;
    const target = await this.#loadTarget(tenant, input.entryId);
    const command: Reverse = {
      type: 'reverse',
      // What was found has the id that was asked for.
      ...identifyReversal(input, context),
      effectKey: reversalKey(target.entryId),
      ...this.#desk.personalOf({ reason }),
      target,
      grantId: this.#desk.tools.ids.grantId(),
      actor,
    };
    return this.#desk.submit(tenant, command, context);
  }

  async redact(tenant: TenantRef, input: CorrectionInput, context: WriteContext): Promise<Posting> {
    const { entryId, actor, reason } = input;
    const { store } = this.#desk.tools;
    const found = await this.#desk.read(() => findEntry(store, tenant.tenantId, entryId));
    const command: Redact = {
      type: 'redact',
      ...identifyRedaction(input, context),
      ...this.#desk.personalOf({ reason }),
      entryId: entryId as EntryId,
      actor,
    };
    const posting = await this.#desk.submit(tenant, command, context);
    // It is recorded first: text that is gone without a record would look like tampering. A retry removes it again.
    await this.#desk.read(() => store.removePersonalText(tenant.tenantId, found.commit.seq, found.index));
    return posting;
  }

  #loadTarget(tenant: TenantRef, entryId: string): Promise<ReversalTarget> {
    return this.#desk.read(async () => {
      const found = await findEntry(this.#desk.tools.store, tenant.tenantId, entryId);
      const { entry, commit } = found;
      // Only an id that was found is one of ours.
      const grants = await this.#loadGrants(found);
      return { entryId: entryId as EntryId, entry, createdAt: commit.createdAt, grants };
    });
  }

  /** The grants that a charge drew from, as they were right before it: they may be used up and gone by now. */
  async #loadGrants(found: FoundEntry): Promise<readonly Grant[]> {
    const draws = drawsOf(found.entry);
    if (draws.length === 0) return [];
    const state = await loadStateBefore(this.#desk.loader, found);
    return draws.flatMap(({ bucket, grantId }) => findGrant(state, bucket, grantId) ?? []);
  }
}

function drawsOf(entry: Entry): Extract<Entry, { readonly type: 'debited' }>['draws'] {
  const { type } = entry;
  return type === 'debited' || type === 'settled' || type === 'adjusted' ? entry.draws : [];
}
