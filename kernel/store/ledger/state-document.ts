// Owns the form of an account's state inside a commit document, and the upgrade of older forms. As in entries, lists without
// elements are absent. Its totals are those of the commit, which has them.

import type { AccountState, Totals } from '../../domain/account.ts';
import { BUCKETS, type Bucket } from '../../domain/bucket.ts';
import { estimateHoldBytes } from '../../domain/byte-estimate.ts';
import { STATE_VERSION } from '../../domain/commit.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Hold } from '../../domain/hold.ts';
import type { GrantId, HoldId, PlanCode, ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Trial, TrialStatus } from '../../domain/trial.ts';
import { toOptionalDate } from '../optional-date.ts';
import {
  fromDocumentGrant,
  fromDocumentHoldFigures,
  fromDocumentPrice,
  fromDocumentTrialTerms,
  type GrantDocument,
  type HoldFiguresDocument,
  type PriceDocument,
  type TrialTermsDocument,
  toDocumentGrant,
  toDocumentHoldFigures,
  toDocumentPrice,
  toDocumentTrialTerms,
  toList,
} from './entry-document.ts';
import {
  fromDocumentSubscription,
  type SubscriptionDocument,
  toDocumentSubscription,
} from './subscription-document.ts';

/** An open hold as MongoDB has it. */
interface HoldDocument extends HoldFiguresDocument {
  readonly hold_id: HoldId;
  readonly action: string;
  readonly price: PriceDocument;
  readonly project_id?: string | undefined;
  readonly workflow_id?: string | undefined;
  readonly run_id?: string | undefined;
}

/** The trial of an account as MongoDB has it. */
interface TrialDocument extends TrialTermsDocument {
  readonly status: TrialStatus;
  readonly started_at: Date;
  readonly consented_at?: Date | undefined;
  readonly grant_id?: GrantId | undefined;
}

/** A state as MongoDB has it, in the form of the version that this release writes. */
export interface StateDocument {
  readonly product_code: ProductCode;
  readonly plan_code: PlanCode;
  readonly trial?: TrialDocument | undefined;
  readonly subscription?: SubscriptionDocument | undefined;
  /** Absent where nothing happened to subscriptions yet. */
  readonly subscription_revision?: number | undefined;
  /** With those that are only held. */
  readonly grants?: readonly GrantDocument[] | undefined;
  readonly scheduled?: readonly GrantDocument[] | undefined;
  readonly holds?: readonly HoldDocument[] | undefined;
}

/**
 * Turns the form of one version into the form of the next; the key is the version that it reads. None is needed from versions
 * 2 and 3: they knew no trials or subscriptions, and a state without one means the same since.
 */
type Upgrade = (document: unknown) => unknown;
const UPGRADES: ReadonlyMap<number, Upgrade> = new Map();

/** Translates the state of an open account into its document. */
export function toDocumentState(state: AccountState): StateDocument {
  return {
    product_code: state.productCode,
    plan_code: state.planCode,
    trial: state.trial === undefined ? undefined : toDocumentTrial(state.trial),
    subscription: state.subscription === undefined ? undefined : toDocumentSubscription(state.subscription),
    subscription_revision: state.subscriptionRevision === 0 ? undefined : state.subscriptionRevision,
    grants: toList([...BUCKETS.flatMap((bucket) => state.grants[bucket]), ...state.pinned].map(toDocumentGrant)),
    scheduled: toList(state.scheduled.map(toDocumentGrant)),
    holds: toList(state.holds.map(toDocumentHold)),
  };
}

/** Translates a document of any version up to this release's back into a state, with the totals of its commit. */
export function fromDocumentState(document: unknown, version: number, totals: Totals): AccountState {
  // A form of the current version was written by `toDocumentState`, or made by the upgrade from the one before.
  const current = upgrade(document, version) as StateDocument;
  const grants: Record<Bucket, Grant[]> = { trial: [], included: [], payg: [] };
  const pinned: Grant[] = [];
  for (const grant of (current.grants ?? []).map(fromDocumentGrant)) {
    (grant.remaining === 0n ? pinned : grants[grant.bucket]).push(grant);
  }
  const holds = (current.holds ?? []).map(fromDocumentHold);
  const { trial, subscription } = current;
  return {
    status: 'open',
    productCode: current.product_code,
    planCode: current.plan_code,
    ...present({
      trial: trial === undefined ? undefined : fromDocumentTrial(trial),
      subscription: subscription === undefined ? undefined : fromDocumentSubscription(subscription),
    }),
    subscriptionRevision: Number(current.subscription_revision ?? 0),
    grants,
    pinned,
    scheduled: (current.scheduled ?? []).map(fromDocumentGrant),
    holds,
    overdraftHeld: holds.reduce((sum, hold) => sum + hold.overdraft, 0n),
    holdBytes: holds.reduce((sum, hold) => sum + estimateHoldBytes(hold), 0),
    totals,
  };
}

function toDocumentTrial(trial: Trial): TrialDocument {
  const { status, startedAt, consentedAt, grantId } = trial;
  return {
    ...toDocumentTrialTerms(trial),
    status,
    started_at: new Date(startedAt),
    consented_at: toOptionalDate(consentedAt),
    grant_id: grantId,
  };
}

function fromDocumentTrial(document: TrialDocument): Trial {
  const { status, started_at: startedAt, consented_at: consented, grant_id: grantId } = document;
  return {
    ...fromDocumentTrialTerms(document),
    status,
    startedAt: startedAt.getTime(),
    ...present({ consentedAt: consented?.getTime(), grantId }),
  };
}

function toDocumentHold(hold: Hold): HoldDocument {
  return {
    hold_id: hold.holdId,
    action: hold.action,
    price: toDocumentPrice(hold.price),
    project_id: hold.projectId,
    workflow_id: hold.workflowId,
    run_id: hold.runId,
    ...toDocumentHoldFigures(hold),
  };
}

function fromDocumentHold(document: HoldDocument): Hold {
  return {
    holdId: document.hold_id,
    action: document.action,
    price: fromDocumentPrice(document.price),
    ...present({ projectId: document.project_id, workflowId: document.workflow_id, runId: document.run_id }),
    ...fromDocumentHoldFigures(document),
  };
}

function upgrade(document: unknown, version: number): unknown {
  let form = document;
  for (let from = version; from < STATE_VERSION; from += 1) form = UPGRADES.get(from)?.(form) ?? form;
  return form;
}
