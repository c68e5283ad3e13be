// Owns the form of an entry inside a commit document. Nothing that says nothing is stored: a sum that is zero, a flag that
// is not set and a list without elements are absent, and have no other form.

import type { Totals } from '../../domain/account.ts';
import type { AppliedPrice, PriceRule } from '../../domain/action-price.ts';
import type { Bucket } from '../../domain/bucket.ts';
import type {
  Charge,
  Debited,
  Entry,
  EntryType,
  HoldRecord,
  PaybackSettled,
  PersonalText,
  ReversedUsage,
  SubscriptionChange,
  SubscriptionChanged,
  TrialRecord,
} from '../../domain/entry.ts';
import { DomainError } from '../../domain/error.ts';
import type { Grant, GrantDraw } from '../../domain/grant.ts';
import type { HoldEnd, HoldFigures } from '../../domain/hold.ts';
import type {
  EntryId,
  Fingerprint,
  GrantId,
  HoldId,
  IdempotencyKey,
  PlanCode,
  ProductCode,
  TopUpId,
  UserId,
} from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { TrialEndBehaviour } from '../../domain/plan-policy.ts';
import type { TrialTerms } from '../../domain/trial.ts';
import type { RunStatus, UsageContext } from '../../domain/usage-context.ts';
import { toOptionalDate } from '../optional-date.ts';
import { toInt64, toNonZeroInt64 } from './int64.ts';
import {
  fromDocumentSubscription,
  type SubscriptionDocument,
  toDocumentSubscription,
} from './subscription-document.ts';

/** The sums after an entry or commit, in microcredits; each is absent where it is zero. */
export interface TotalsDocument {
  readonly trial?: bigint | undefined;
  readonly included?: bigint | undefined;
  readonly payg?: bigint | undefined;
  readonly held?: bigint | undefined;
  readonly deficit?: bigint | undefined;
}

export interface GrantDocument {
  readonly grant_id: GrantId;
  readonly bucket: Bucket;
  readonly granted: bigint;
  readonly remaining: bigint;
  /** Absent where nothing is held. */
  readonly held?: bigint | undefined;
  readonly effective_at: Date;
  readonly expires_at?: Date | undefined;
  readonly source: string;
}

export interface DrawDocument {
  readonly grant_id: GrantId;
  readonly bucket: Bucket;
  readonly microcredits: bigint;
}

export interface PriceDocument {
  readonly microcredits_per_unit: bigint;
  readonly unit: string;
  readonly rule: PriceRule;
  readonly effective_at: Date;
}

/** The figures of a hold. */
export interface HoldFiguresDocument {
  readonly draws?: readonly DrawDocument[] | undefined;
  readonly overdraft?: bigint | undefined;
  readonly settled?: bigint | undefined;
  readonly expires_at: Date;
}

interface HoldEndDocument {
  readonly freed?: readonly DrawDocument[] | undefined;
  readonly expired?: readonly DrawDocument[] | undefined;
  readonly deficit_paid?: bigint | undefined;
}

/** What a trial gives, and what comes after it. */
export interface TrialTermsDocument {
  readonly plan_code: PlanCode;
  readonly fallback_plan_code: PlanCode;
  readonly ends_at: Date;
  /** Absent where it gives nothing. */
  readonly granted?: bigint | undefined;
  readonly revokes_unused?: boolean | undefined;
  readonly end_behaviour: TrialEndBehaviour;
  readonly person_id?: UserId | undefined;
}

interface ReversedUsageDocument {
  readonly action: string;
  readonly quantity: string;
  readonly cost: bigint;
  readonly project_id?: string | undefined;
  readonly workflow_id?: string | undefined;
  readonly run_id?: string | undefined;
  readonly at: Date;
}

/** Names and values stand in a list: a name that a caller chose must never become a field name. */
interface DimensionDocument {
  readonly name: string;
  readonly value: string;
}

interface PersonalDocument {
  readonly digest: string;
  readonly salt?: string | undefined;
  readonly reason?: string | undefined;
  readonly dimensions?: readonly DimensionDocument[] | undefined;
}

/** An entry as MongoDB has it: the fields of its type, and those that every entry has. */
export interface EntryDocument {
  readonly type: EntryType;
  readonly key: IdempotencyKey;
  readonly effect_key?: IdempotencyKey | undefined;
  readonly fingerprint?: Fingerprint | undefined;
  readonly personal?: PersonalDocument | undefined;
  readonly after: TotalsDocument;
  readonly product_code?: ProductCode | undefined;
  readonly plan_code?: PlanCode | undefined;
  readonly actor?: string | undefined;
  readonly grant?: GrantDocument | undefined;
  readonly grant_id?: GrantId | undefined;
  readonly deficit_paid?: bigint | undefined;
  readonly scheduled?: boolean | undefined;
  readonly due_at?: Date | undefined;
  readonly expired?: DrawDocument | undefined;
  readonly action?: string | undefined;
  readonly quantity?: string | undefined;
  readonly price?: PriceDocument | undefined;
  readonly cost?: bigint | undefined;
  readonly draws?: readonly DrawDocument[] | undefined;
  readonly deficit?: bigint | undefined;
  readonly project_id?: string | undefined;
  readonly workflow_id?: string | undefined;
  readonly run_id?: string | undefined;
  readonly run_status?: RunStatus | undefined;
  readonly already_performed?: boolean | undefined;
  readonly bucket?: Bucket | undefined;
  readonly delta?: bigint | undefined;
  readonly hold_id?: HoldId | undefined;
  readonly hold?: HoldFiguresDocument | undefined;
  readonly overdraft?: bigint | undefined;
  readonly part_id?: string | undefined;
  readonly draws_from_hold?: number | undefined;
  readonly final?: boolean | undefined;
  readonly late?: boolean | undefined;
  readonly end?: HoldEndDocument | undefined;
  readonly entry_id?: EntryId | undefined;
  readonly reversed_type?: EntryType | undefined;
  readonly returned?: readonly GrantDocument[] | undefined;
  readonly expired_draws?: readonly DrawDocument[] | undefined;
  readonly taken?: readonly DrawDocument[] | undefined;
  readonly unscheduled?: GrantId | undefined;
  readonly deficit_cancelled?: bigint | undefined;
  readonly usage?: ReversedUsageDocument | undefined;
  readonly trial?: TrialTermsDocument | undefined;
  readonly started_at?: Date | undefined;
  readonly at?: Date | undefined;
  readonly change?: SubscriptionChange | undefined;
  readonly subscription?: SubscriptionDocument | undefined;
  readonly ends_trial?: boolean | undefined;
  readonly lapsed?: readonly DrawDocument[] | undefined;
  readonly revived?: readonly GrantId[] | undefined;
  readonly rolled_over?: bigint | undefined;
  readonly top_up_id?: TopUpId | undefined;
  readonly total?: bigint | undefined;
  readonly waived_total?: bigint | undefined;
}

/** Translates an entry into its document; throws RangeError where an amount is not an int64. */
export function toDocumentEntry(entry: Entry): EntryDocument {
  return {
    type: entry.type,
    key: entry.key,
    effect_key: entry.effectKey,
    fingerprint: entry.fingerprint,
    personal: entry.personal === undefined ? undefined : toDocumentPersonal(entry.personal),
    after: toDocumentTotals(entry.after),
    ...toDocumentDetail(entry),
  };
}

type DetailDocument = Partial<EntryDocument>;

function toDocumentDetail(entry: Entry): DetailDocument {
  switch (entry.type) {
    case 'account_opened':
      return { product_code: entry.productCode, plan_code: entry.planCode, actor: entry.actor };
    case 'granted':
      return {
        grant: toDocumentGrant(entry.grant),
        deficit_paid: toNonZeroInt64(entry.deficitPaid),
        scheduled: toFlag(entry.scheduled),
        actor: entry.actor,
      };
    case 'grant_started':
      return {
        grant_id: entry.grantId,
        deficit_paid: toNonZeroInt64(entry.deficitPaid),
        due_at: new Date(entry.dueAt),
      };
    case 'grant_expired':
      return { expired: toDocumentDraw(entry.expired), due_at: new Date(entry.dueAt) };
    case 'debited':
      return { ...toDocumentCharge(entry), already_performed: toFlag(entry.alreadyPerformed) };
    case 'adjusted':
      return {
        bucket: entry.bucket,
        delta: toInt64(entry.delta),
        draws: toDocumentDraws(entry.draws),
        grant: entry.grant === undefined ? undefined : toDocumentGrant(entry.grant),
        deficit_paid: toNonZeroInt64(entry.deficitPaid),
        actor: entry.actor,
      };
    case 'reversed':
      return toDocumentReversal(entry);
    case 'redacted':
      return { entry_id: entry.entryId, actor: entry.actor };
    case 'trial_started':
    case 'trial_canceled':
    case 'trial_consented':
    case 'trial_ended':
      return toDocumentTrialDetail(entry);
    case 'subscription_changed':
      return toDocumentSubscriptionDetail(entry);
    case 'payback_settled':
      return toDocumentPayback(entry);
    case 'run_reported':
      return { ...toDocumentContext(entry), run_status: entry.runStatus };
    default:
      return toDocumentHoldDetail(entry);
  }
}

function toDocumentTrialDetail(entry: TrialRecord): DetailDocument {
  switch (entry.type) {
    case 'trial_started':
      return {
        trial: toDocumentTrialTerms(entry),
        started_at: new Date(entry.startedAt),
        grant: entry.grant === undefined ? undefined : toDocumentGrant(entry.grant),
        deficit_paid: toNonZeroInt64(entry.deficitPaid),
        actor: entry.actor,
      };
    case 'trial_canceled':
      return { actor: entry.actor };
    case 'trial_consented':
      return { at: new Date(entry.at) };
    case 'trial_ended':
      return { plan_code: entry.planCode, due_at: new Date(entry.dueAt) };
  }
}

function toDocumentSubscriptionDetail(entry: SubscriptionChanged): DetailDocument {
  return {
    change: entry.change,
    subscription: toDocumentSubscription(entry.subscription),
    plan_code: entry.planCode,
    at: new Date(entry.at),
    ends_trial: toFlag(entry.endsTrial),
    lapsed: toDocumentDraws(entry.lapsed),
    revived: entry.revived,
    grant: entry.grant === undefined ? undefined : toDocumentGrant(entry.grant),
    rolled_over: toNonZeroInt64(entry.rolledOver),
    deficit_paid: toNonZeroInt64(entry.deficitPaid),
  };
}

function toDocumentPayback(entry: PaybackSettled): DetailDocument {
  return {
    top_up_id: entry.topUpId,
    total: toNonZeroInt64(entry.total),
    waived_total: toNonZeroInt64(entry.waivedTotal),
    taken: toDocumentDraws(entry.taken),
    deficit: toNonZeroInt64(entry.deficit),
    grant: entry.grant === undefined ? undefined : toDocumentGrant(entry.grant),
    deficit_paid: toNonZeroInt64(entry.deficitPaid),
  };
}

export function toDocumentTrialTerms(terms: TrialTerms): TrialTermsDocument {
  return {
    plan_code: terms.planCode,
    fallback_plan_code: terms.fallbackPlanCode,
    ends_at: new Date(terms.endsAt),
    granted: toNonZeroInt64(terms.granted),
    revokes_unused: toFlag(terms.revokesUnused),
    end_behaviour: terms.endBehaviour,
    person_id: terms.personId,
  };
}

export function fromDocumentTrialTerms(document: TrialTermsDocument): TrialTerms {
  return {
    planCode: document.plan_code,
    fallbackPlanCode: document.fallback_plan_code,
    endsAt: document.ends_at.getTime(),
    granted: document.granted ?? 0n,
    revokesUnused: document.revokes_unused ?? false,
    endBehaviour: document.end_behaviour,
    ...present({ personId: document.person_id }),
  };
}

function toDocumentHoldDetail(entry: HoldRecord): DetailDocument {
  const common = {
    hold_id: entry.holdId,
    action: entry.action,
    ...toDocumentContext(entry),
    hold: toDocumentHoldFigures(entry.hold),
  };
  switch (entry.type) {
    case 'reserved':
      return { ...common, quantity: entry.quantity, price: toDocumentPrice(entry.price) };
    case 'hold_extended': {
      const draws = toDocumentDraws(entry.draws);
      return { ...common, quantity: entry.quantity, draws, overdraft: toNonZeroInt64(entry.overdraft) };
    }
    case 'settled':
      return {
        ...common,
        ...toDocumentCharge(entry),
        part_id: entry.partId,
        draws_from_hold: entry.drawsFromHold,
        final: toFlag(entry.final),
        late: toFlag(entry.late),
        end: entry.end === undefined ? undefined : toDocumentHoldEnd(entry.end),
      };
    case 'hold_released':
      return { ...common, end: toDocumentHoldEnd(entry.end) };
    case 'hold_expired':
      return { ...common, end: toDocumentHoldEnd(entry.end), due_at: new Date(entry.dueAt) };
  }
}

function toDocumentReversal(entry: Extract<Entry, { readonly type: 'reversed' }>): DetailDocument {
  const { usage } = entry;
  return {
    entry_id: entry.entryId,
    reversed_type: entry.reversedType,
    returned: toList(entry.returned.map(toDocumentGrant)),
    expired_draws: toDocumentDraws(entry.expired),
    taken: toDocumentDraws(entry.taken),
    unscheduled: entry.unscheduled,
    deficit_cancelled: toNonZeroInt64(entry.deficitCancelled),
    deficit_paid: toNonZeroInt64(entry.deficitPaid),
    usage: usage === undefined ? undefined : toDocumentUsage(usage),
    actor: entry.actor,
  };
}

function toDocumentUsage(usage: ReversedUsage): ReversedUsageDocument {
  const { action, quantity, cost, projectId, workflowId, runId, at } = usage;
  return {
    ...{ action, quantity, cost: toInt64(cost) },
    ...{ project_id: projectId, workflow_id: workflowId, run_id: runId },
    at: new Date(at),
  };
}

function toDocumentCharge(entry: Charge & UsageContext): DetailDocument {
  return {
    action: entry.action,
    quantity: entry.quantity,
    price: toDocumentPrice(entry.price),
    cost: toInt64(entry.cost),
    draws: toDocumentDraws(entry.draws),
    deficit: toNonZeroInt64(entry.deficit),
    ...toDocumentContext(entry),
    run_status: entry.runStatus,
  };
}

function toDocumentContext({ projectId, workflowId, runId }: UsageContext): DetailDocument {
  return { project_id: projectId, workflow_id: workflowId, run_id: runId };
}

export function toDocumentPrice(price: AppliedPrice): PriceDocument {
  return {
    microcredits_per_unit: toInt64(price.microcreditsPerUnit),
    unit: price.unit,
    rule: price.rule,
    effective_at: new Date(price.effectiveAt),
  };
}

/** Translates a document back into an entry; throws DomainError LEDGER_CORRUPT where its fields are not its type's. */
export function fromDocumentEntry(document: EntryDocument): Entry {
  const { type } = document;
  const common = {
    key: document.key,
    ...present({ effectKey: document.effect_key, fingerprint: document.fingerprint }),
    ...present({ personal: document.personal === undefined ? undefined : fromDocumentPersonal(document.personal) }),
    after: fromDocumentTotals(document.after),
  };
  const actor = present({ actor: document.actor });
  const deficitPaid = document.deficit_paid ?? 0n;
  const field = <Name extends keyof EntryDocument>(name: Name) => required(document, name);
  switch (type) {
    case 'account_opened':
      return { ...common, type, productCode: field('product_code'), planCode: field('plan_code'), ...actor };
    case 'granted': {
      const grant = fromDocumentGrant(field('grant'));
      return { ...common, type, grant, deficitPaid, scheduled: document.scheduled ?? false, ...actor };
    }
    case 'grant_started': {
      const dueAt = field('due_at').getTime();
      return { ...common, type, grantId: field('grant_id'), deficitPaid, dueAt };
    }
    case 'grant_expired':
      return { ...common, type, expired: fromDocumentDraw(field('expired')), dueAt: field('due_at').getTime() };
    case 'debited':
      return {
        ...common,
        type,
        ...fromDocumentCharge(document),
        alreadyPerformed: document.already_performed ?? false,
      };
    case 'adjusted':
      return {
        ...common,
        type,
        bucket: field('bucket'),
        delta: field('delta'),
        draws: fromDocumentDraws(document.draws),
        ...present({ grant: document.grant === undefined ? undefined : fromDocumentGrant(document.grant) }),
        deficitPaid,
        actor: field('actor'),
      };
    case 'reversed':
      return { ...common, type, ...fromDocumentReversal(document) };
    case 'redacted':
      return { ...common, type, entryId: field('entry_id'), actor: field('actor') };
    case 'trial_started':
    case 'trial_canceled':
    case 'trial_consented':
    case 'trial_ended':
      return fromDocumentTrialEntry(document, type, common);
    case 'subscription_changed':
      return { ...common, type, ...fromDocumentSubscriptionDetail(document) };
    case 'payback_settled':
      return { ...common, type, ...fromDocumentPayback(document) };
    case 'run_reported':
      return {
        ...common,
        type,
        ...fromDocumentContext(document),
        runId: field('run_id'),
        runStatus: field('run_status'),
      };
    case 'reserved':
    case 'hold_extended':
    case 'settled':
    case 'hold_released':
    case 'hold_expired':
      return fromDocumentHoldEntry(document, type, common);
    default:
      throw corrupt(document, `has the unknown type ${JSON.stringify(type satisfies never)}`);
  }
}

/** What every entry has. */
type Common = Pick<Debited, 'key' | 'effectKey' | 'fingerprint' | 'personal' | 'after'>;

function fromDocumentTrialEntry(document: EntryDocument, type: TrialRecord['type'], common: Common): Entry {
  const field = <Name extends keyof EntryDocument>(name: Name) => required(document, name);
  const actor = present({ actor: document.actor });
  switch (type) {
    case 'trial_started':
      return {
        ...common,
        type,
        ...fromDocumentTrialTerms(field('trial')),
        startedAt: field('started_at').getTime(),
        ...present({ grant: document.grant === undefined ? undefined : fromDocumentGrant(document.grant) }),
        deficitPaid: document.deficit_paid ?? 0n,
        ...actor,
      };
    case 'trial_canceled':
      return { ...common, type, ...actor };
    case 'trial_consented':
      return { ...common, type, at: field('at').getTime() };
    case 'trial_ended':
      return { ...common, type, planCode: field('plan_code'), dueAt: field('due_at').getTime() };
  }
}

function fromDocumentSubscriptionDetail(document: EntryDocument): Omit<SubscriptionChanged, 'type' | keyof Common> {
  const field = <Name extends keyof EntryDocument>(name: Name) => required(document, name);
  return {
    change: field('change'),
    subscription: fromDocumentSubscription(field('subscription')),
    planCode: field('plan_code'),
    at: field('at').getTime(),
    endsTrial: document.ends_trial ?? false,
    lapsed: fromDocumentDraws(document.lapsed),
    ...present({
      revived: document.revived,
      grant: document.grant === undefined ? undefined : fromDocumentGrant(document.grant),
    }),
    rolledOver: document.rolled_over ?? 0n,
    deficitPaid: document.deficit_paid ?? 0n,
  };
}

function fromDocumentPayback(document: EntryDocument): Omit<PaybackSettled, 'type' | keyof Common> {
  return {
    topUpId: required(document, 'top_up_id'),
    total: document.total ?? 0n,
    waivedTotal: document.waived_total ?? 0n,
    taken: fromDocumentDraws(document.taken),
    deficit: document.deficit ?? 0n,
    ...present({ grant: document.grant === undefined ? undefined : fromDocumentGrant(document.grant) }),
    deficitPaid: document.deficit_paid ?? 0n,
  };
}

function fromDocumentHoldEntry(document: EntryDocument, type: HoldRecord['type'], common: Common): Entry {
  const field = <Name extends keyof EntryDocument>(name: Name) => required(document, name);
  const base = {
    ...common,
    holdId: field('hold_id'),
    action: field('action'),
    ...fromDocumentContext(document),
    hold: fromDocumentHoldFigures(field('hold')),
  };
  switch (type) {
    case 'reserved':
      return { ...base, type, quantity: field('quantity'), price: fromDocumentPrice(field('price')) };
    case 'hold_extended': {
      const draws = fromDocumentDraws(document.draws);
      return { ...base, type, ...present({ quantity: document.quantity }), draws, overdraft: document.overdraft ?? 0n };
    }
    case 'settled':
      return {
        ...base,
        type,
        ...fromDocumentCharge(document),
        partId: field('part_id'),
        drawsFromHold: Number(field('draws_from_hold')),
        final: document.final ?? false,
        late: document.late ?? false,
        ...present({ end: document.end === undefined ? undefined : fromDocumentHoldEnd(document.end) }),
      };
    case 'hold_released':
      return { ...base, type, end: fromDocumentHoldEnd(field('end')) };
    case 'hold_expired':
      return { ...base, type, end: fromDocumentHoldEnd(field('end')), dueAt: field('due_at').getTime() };
  }
}

function fromDocumentReversal(
  document: EntryDocument,
): Omit<Extract<Entry, { readonly type: 'reversed' }>, 'type' | keyof Common> {
  const field = <Name extends keyof EntryDocument>(name: Name) => required(document, name);
  const { usage } = document;
  return {
    entryId: field('entry_id'),
    reversedType: field('reversed_type'),
    returned: (document.returned ?? []).map(fromDocumentGrant),
    expired: fromDocumentDraws(document.expired_draws),
    taken: fromDocumentDraws(document.taken),
    ...present({ unscheduled: document.unscheduled }),
    deficitCancelled: document.deficit_cancelled ?? 0n,
    deficitPaid: document.deficit_paid ?? 0n,
    ...present({ usage: usage === undefined ? undefined : fromDocumentUsage(usage) }),
    actor: field('actor'),
  };
}

function fromDocumentUsage(document: ReversedUsageDocument): ReversedUsage {
  const { action, quantity, cost, at } = document;
  return { action, quantity, cost, ...fromDocumentContext(document), at: at.getTime() };
}

function fromDocumentCharge(document: EntryDocument): Charge & UsageContext {
  return {
    action: required(document, 'action'),
    quantity: required(document, 'quantity'),
    price: fromDocumentPrice(required(document, 'price')),
    cost: required(document, 'cost'),
    draws: fromDocumentDraws(document.draws),
    deficit: document.deficit ?? 0n,
    ...fromDocumentContext(document),
    ...present({ runStatus: document.run_status }),
  };
}

function fromDocumentContext(
  document: Pick<EntryDocument, 'project_id' | 'workflow_id' | 'run_id'>,
): Omit<UsageContext, 'runStatus'> {
  return present({ projectId: document.project_id, workflowId: document.workflow_id, runId: document.run_id });
}

export function fromDocumentPrice(price: PriceDocument): AppliedPrice {
  return {
    microcreditsPerUnit: price.microcredits_per_unit,
    unit: price.unit,
    rule: price.rule,
    effectiveAt: price.effective_at.getTime(),
  };
}

function required<Name extends keyof EntryDocument>(
  document: EntryDocument,
  name: Name,
): Exclude<EntryDocument[Name], undefined> {
  const value = document[name];
  if (value === undefined || value === null) throw corrupt(document, `has no ${name}`);
  // Not undefined was checked just now; TypeScript does not narrow an indexed access by a generic name.
  return value as Exclude<EntryDocument[Name], undefined>;
}

function corrupt(document: EntryDocument, problem: string): DomainError {
  return new DomainError('LEDGER_CORRUPT', `the stored entry ${document.key} ${problem}: an operator must look`);
}

/** Translates sums, checking that each fits into 64 bits. */
export function toDocumentTotals(totals: Totals): TotalsDocument {
  return {
    trial: toNonZeroInt64(totals.trial),
    included: toNonZeroInt64(totals.included),
    payg: toNonZeroInt64(totals.payg),
    held: toNonZeroInt64(totals.held),
    deficit: toNonZeroInt64(totals.deficit),
  };
}

export function fromDocumentTotals(document: TotalsDocument): Totals {
  const { trial = 0n, included = 0n, payg = 0n, held = 0n, deficit = 0n } = document;
  return { trial, included, payg, held, deficit };
}

export function toDocumentGrant(grant: Grant): GrantDocument {
  return {
    grant_id: grant.grantId,
    bucket: grant.bucket,
    granted: toInt64(grant.granted),
    remaining: toInt64(grant.remaining),
    held: toNonZeroInt64(grant.held),
    effective_at: new Date(grant.effectiveAt),
    expires_at: toOptionalDate(grant.expiresAt),
    source: grant.source,
  };
}

export function fromDocumentGrant(document: GrantDocument): Grant {
  return {
    grantId: document.grant_id,
    bucket: document.bucket,
    granted: document.granted,
    remaining: document.remaining,
    held: document.held ?? 0n,
    effectiveAt: document.effective_at.getTime(),
    ...present({ expiresAt: document.expires_at?.getTime() }),
    source: document.source,
  };
}

/** Leaves out a list without elements. */
export function toList<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Leaves out a flag that is not set. */
function toFlag(value: boolean): true | undefined {
  return value ? true : undefined;
}

function toDocumentDraws(draws: readonly GrantDraw[]): readonly DrawDocument[] | undefined {
  return toList(draws.map(toDocumentDraw));
}

function fromDocumentDraws(documents: readonly DrawDocument[] | undefined): readonly GrantDraw[] {
  return (documents ?? []).map(fromDocumentDraw);
}

function toDocumentDraw(draw: GrantDraw): DrawDocument {
  return { grant_id: draw.grantId, bucket: draw.bucket, microcredits: toInt64(draw.microcredits) };
}

function fromDocumentDraw(document: DrawDocument): GrantDraw {
  return { grantId: document.grant_id, bucket: document.bucket, microcredits: document.microcredits };
}

export function toDocumentHoldFigures(figures: HoldFigures): HoldFiguresDocument {
  return {
    draws: toDocumentDraws(figures.draws),
    overdraft: toNonZeroInt64(figures.overdraft),
    settled: toNonZeroInt64(figures.settled),
    expires_at: new Date(figures.expiresAt),
  };
}

export function fromDocumentHoldFigures(document: HoldFiguresDocument): HoldFigures {
  const { draws, overdraft = 0n, settled = 0n, expires_at: expiresAt } = document;
  return { draws: fromDocumentDraws(draws), overdraft, settled, expiresAt: expiresAt.getTime() };
}

function toDocumentHoldEnd({ freed, expired, deficitPaid }: HoldEnd): HoldEndDocument {
  return {
    freed: toDocumentDraws(freed),
    expired: toDocumentDraws(expired),
    deficit_paid: toNonZeroInt64(deficitPaid),
  };
}

function fromDocumentHoldEnd({ freed, expired, deficit_paid: deficitPaid = 0n }: HoldEndDocument): HoldEnd {
  return { freed: fromDocumentDraws(freed), expired: fromDocumentDraws(expired), deficitPaid };
}

function toDocumentPersonal(personal: PersonalText): PersonalDocument {
  const { digest, salt, reason, dimensions } = personal;
  const list =
    dimensions === undefined ? undefined : Object.entries(dimensions).map(([name, value]) => ({ name, value }));
  return { digest, salt, reason, dimensions: list };
}

function fromDocumentPersonal(document: PersonalDocument): PersonalText {
  const { digest, salt, reason } = document;
  const list = document.dimensions?.map(({ name, value }): [string, string] => [name, value]);
  return {
    digest,
    ...present({ salt, reason, dimensions: list === undefined ? undefined : Object.fromEntries(list) }),
  };
}
