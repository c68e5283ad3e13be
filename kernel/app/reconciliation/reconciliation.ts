// Owns comparing workspaces with Stripe, one after the other, whoever asks. Does not own what has to be equal (the checks), or
// mending anything.
// Invariants: nothing is written; what is only on its way is no difference, since each is looked at again; one workspace that
// can't be compared is told as such, and the others follow, so that a run which ends has told of all.

import { DomainError, messageOf } from '../../domain/error.ts';
import { readPatiently } from '../audit/patience.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Pacing } from '../ports.ts';
import { type Difference, differenceKey, mendedByHand, type WorkspaceCheck } from './difference.ts';
import type { WorkspaceList } from './ports.ts';

const WORKSPACES_PER_READ = 100;
/** How long after a difference was seen it is looked for again, in milliseconds: as long as an event takes to be worked off. */
const SECOND_LOOK_MS = 3_000;
/** After so many workspaces one after the other that Stripe could not be reached for, a run breaks off. */
const OUTAGES_MAX = 3;
const DETAIL_LENGTH_MAX = 300;

/** How far a run is. */
export interface ReconciliationProgress {
  readonly verifiedWorkspaces: number;
  readonly totalWorkspaces: number;
}

/** Takes what a run tells, as fast as the listener can. */
export type ReconciliationReport = (progress: ReconciliationProgress, difference?: Difference) => Promise<void>;

/** What a run works with. */
export interface ReconciliationParts {
  readonly workspaces: WorkspaceList;
  readonly checks: readonly WorkspaceCheck[];
  readonly pacing: Pacing;
}

/** What one look at a workspace came to. */
interface Look {
  readonly found: readonly Difference[];
  /** Why Stripe could not be reached; absent where it could. */
  readonly outage?: DomainError;
}

/** Compares workspaces with Stripe. */
export class Reconciliation {
  readonly #parts: ReconciliationParts;

  constructor(parts: ReconciliationParts) {
    this.#parts = parts;
  }

  /**
   * Compares all workspaces, and reports after each; the last call of `report` has the final figures. Throws DomainError
   * STRIPE_UNAVAILABLE, STRIPE_REFUSED where Stripe does not know the key, DATABASE_UNAVAILABLE, and the reason of the signal.
   */
  async verifyAll(report: ReconciliationReport, signal: AbortSignal): Promise<ReconciliationProgress> {
    const { workspaces, pacing } = this.#parts;
    const counted = await readPatiently(pacing, signal, () => workspaces.countWorkspaces());
    let verifiedWorkspaces = 0;
    let outages = 0;
    const progress = () => ({ verifiedWorkspaces, totalWorkspaces: Math.max(counted, verifiedWorkspaces) });
    for (let after = ''; ; ) {
      const place = after;
      const page = await readPatiently(pacing, signal, () => workspaces.loadAfter(place, WORKSPACES_PER_READ));
      for (const tenant of page) {
        const outage = await this.#verify(tenant, progress(), report, signal);
        outages = outage === undefined ? 0 : outages + 1;
        if (outage !== undefined && outages === OUTAGES_MAX) throw outage;
        verifiedWorkspaces += 1;
        after = tenant.tenantId;
        await report(progress());
      }
      if (page.length < WORKSPACES_PER_READ) break;
    }
    const final = { verifiedWorkspaces, totalWorkspaces: verifiedWorkspaces };
    await report(final);
    return final;
  }

  /** Compares one workspace. Throws as {@link verifyAll} does. */
  async verifyOne(
    tenant: TenantRef,
    report: ReconciliationReport,
    signal: AbortSignal,
  ): Promise<ReconciliationProgress> {
    const outage = await this.#verify(tenant, { verifiedWorkspaces: 0, totalWorkspaces: 1 }, report, signal);
    if (outage !== undefined) throw outage;
    return { verifiedWorkspaces: 1, totalWorkspaces: 1 };
  }

  /** Answers why Stripe could not be reached; undefined where it could. */
  async #verify(
    tenant: TenantRef,
    progress: ReconciliationProgress,
    report: ReconciliationReport,
    signal: AbortSignal,
  ): Promise<DomainError | undefined> {
    const { pacing } = this.#parts;
    const first = await this.#look(tenant, signal);
    if (first.found.length === 0) return undefined;
    await pacing.delay(SECOND_LOOK_MS);
    const before = new Set(first.found.map(differenceKey));
    const { found, outage } = await this.#look(tenant, signal);
    for (const difference of found) if (before.has(differenceKey(difference))) await report(progress, difference);
    return outage;
  }

  async #look(tenant: TenantRef, signal: AbortSignal): Promise<Look> {
    const found: Difference[] = [];
    for (const check of this.#parts.checks) {
      try {
        found.push(...(await readPatiently(this.#parts.pacing, signal, () => check.find(tenant))));
      } catch (error) {
        if (signal.aborted || isAboutAll(error)) throw error;
        const outage = error instanceof DomainError && error.reason === 'STRIPE_UNAVAILABLE' ? { outage: error } : {};
        // What Stripe says of a customer whom it does not have says nothing more.
        const isExplained = found.some(({ kind }) => kind === 'customer_missing');
        return { found: isExplained ? found : [...found, unread(tenant, error)], ...outage };
      }
    }
    return { found };
  }
}

/** Says whether no other workspace could be compared either. */
function isAboutAll(error: unknown): boolean {
  if (!(error instanceof DomainError)) return false;
  const { reason, metadata } = error;
  return reason === 'DATABASE_UNAVAILABLE' || (reason === 'STRIPE_REFUSED' && metadata['stripe_status'] === '401');
}

function unread({ tenantId }: TenantRef, error: unknown): Difference {
  const detail = messageOf(error).slice(0, DETAIL_LENGTH_MAX).toWellFormed();
  const message = `it could not be compared: ${detail}`;
  const finding = { tenantId, kind: 'workspace_unread', subject: tenantId, message } as const;
  return mendedByHand(finding, `wheelhouse verify --stripe --tenant ${tenantId}`, '');
}
