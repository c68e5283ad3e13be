// Owns short ways to say commands, rules and accounts in tests of the domain. Every default is spelled out here, so that
// a test states only what it is about.

import type { AccountState } from '../../../kernel/domain/account.ts';
import { UNOPENED_ACCOUNT } from '../../../kernel/domain/account.ts';
import { type ActionPrice, createPriceBook, type PriceRow } from '../../../kernel/domain/action-price.ts';
import { type Batch, type BatchPlace, decideBatch } from '../../../kernel/domain/batch.ts';
import type {
  Adjust,
  CancelTrial,
  Command,
  Debit,
  Expire,
  Extend,
  GiveGrant,
  OpenAccount,
  Redact,
  Release,
  Reservation,
  Reserve,
  ReversalTarget,
  Reverse,
  Settle,
  StartTrial,
} from '../../../kernel/domain/command.ts';
import type { Entry, Reserved } from '../../../kernel/domain/entry.ts';
import { formatEntryId } from '../../../kernel/domain/entry-id.ts';
import type { DomainError } from '../../../kernel/domain/error.ts';
import { evolve } from '../../../kernel/domain/evolve.ts';
import type { Grant } from '../../../kernel/domain/grant.ts';
import { findGrant } from '../../../kernel/domain/grant-book.ts';
import type { Hold } from '../../../kernel/domain/hold.ts';
import type {
  EntryId,
  Fingerprint,
  GrantId,
  HoldId,
  IdempotencyKey,
  Instant,
  PlanCode,
  ProductCode,
  TenantId,
} from '../../../kernel/domain/id.ts';
import { present } from '../../../kernel/domain/optional.ts';
import { parseQuantity, type Quantity } from '../../../kernel/domain/quantity.ts';
import { CLOSED_ACCOUNT_POLICY, type Rulebook } from '../../../kernel/domain/rulebook.ts';

export const TENANT = 'ten_0198c0de-0000-7000-8000-00000000000a' as TenantId;
export const OTHER_TENANT = 'ten_0198c0de-0000-7000-8000-00000000000b' as TenantId;
export const PRODUCT = 'agentruntime' as ProductCode;
export const PLAN = 'pro' as PlanCode;
export const OTHER_PLAN = 'plus' as PlanCode;
export const FALLBACK_PLAN = 'free' as PlanCode;

/** When the tests' accounts begin: 2026-01-01T00:00:00Z. */
export const START: Instant = 1_767_225_600_000;

/** An action that costs one microcredit a unit, so that a quantity is a cost. */
export const ACTION = 'tick';

export function grantIdOf(text: string | number): GrantId {
  return `grt_${text}` as GrantId;
}

export function keyOf(text: string | number): IdempotencyKey {
  return `req:internal/test:debit:${text}` as IdempotencyKey;
}

/** Reads a quantity that the test knows to be one. */
export function quantityOf(text: string): Quantity {
  const quantity = parseQuantity(text);
  if ('problem' in quantity) throw new Error(`${text} ${quantity.problem}`);
  return quantity;
}

export function priceOf(fields: Partial<ActionPrice> & Pick<ActionPrice, 'action'>): ActionPrice {
  return { microcreditsPerUnit: 1n, unit: 'step', rule: 'default', effectiveAt: 0, ...fields };
}

/** Builds rules: one microcredit a unit for {@link ACTION}, and an overdraft limit for {@link PLAN}. */
export function rulebookOf(overdraftLimit = 0n, prices: readonly PriceRow[] = [priceOf({ action: ACTION })]): Rulebook {
  return {
    productCode: PRODUCT,
    policies: new Map([[PLAN, { ...CLOSED_ACCOUNT_POLICY, overdraftLimit }]]),
    prices: createPriceBook(prices),
  };
}

export const RULEBOOK = rulebookOf();

let keys = 0;

/** A key that no other command of the test run has. */
function freshKey(): IdempotencyKey {
  keys += 1;
  return keyOf(`fresh-${keys}`);
}

export function openAccount(fields: Partial<OpenAccount> = {}): OpenAccount {
  const key = `open:${TENANT}` as IdempotencyKey;
  return { type: 'open_account', key, productCode: PRODUCT, planCode: PLAN, ...fields };
}

/** Grants an amount to PAYG, from now on and for ever. */
export function giveGrant(id: string | number, amount: bigint, fields: Partial<GiveGrant> = {}): GiveGrant {
  return {
    type: 'grant',
    key: freshKey(),
    fingerprint: `1:grant-${id}` as Fingerprint,
    grantId: grantIdOf(id),
    bucket: 'payg',
    amount,
    source: 'operator',
    ...fields,
  };
}

/** Debits a quantity of {@link ACTION}, which costs as many microcredits. */
export function debit(quantity: string, fields: Partial<Debit> = {}): Debit {
  return {
    type: 'debit',
    key: freshKey(),
    tenantId: TENANT,
    action: ACTION,
    quantity: quantityOf(quantity),
    alreadyPerformed: false,
    rulebook: RULEBOOK,
    ...fields,
  };
}

export function adjust(delta: bigint, fields: Partial<Adjust> = {}): Adjust {
  const key = freshKey();
  return { type: 'adjust', key, grantId: grantIdOf(key), bucket: 'payg', delta, actor: 'usr_operator', ...fields };
}

/** Holds the cost of a quantity of {@link ACTION} for a second from {@link START} on. */
export function reserve(quantity: string, fields: Partial<Reserve> = {}): Reserve {
  return {
    type: 'reserve',
    key: freshKey(),
    tenantId: TENANT,
    action: ACTION,
    quantity: quantityOf(quantity),
    expiresAt: START + 1_000,
    rulebook: RULEBOOK,
    ...fields,
  };
}

export function extend(holdId: HoldId, fields: Partial<Extend>): Extend {
  return { type: 'extend', key: freshKey(), holdId, rulebook: RULEBOOK, ...fields };
}

/** Settles a part that does not end the hold. */
export function settle(holdId: HoldId, quantity: string, fields: Partial<Settle> = {}): Settle {
  const key = freshKey();
  const used = quantity === '0' ? { millionths: 0n } : quantityOf(quantity);
  return { type: 'settle', key, holdId, partId: `part-${key}`, quantity: used, final: false, ...fields };
}

export function release(holdId: HoldId): Release {
  return { type: 'release', key: freshKey(), holdId };
}

/** What stays known of a hold when it has ended. */
export function reservationOf({ holdId, action, price, projectId, workflowId, runId, hold }: Reserved): Reservation {
  return { holdId, action, price, ...present({ projectId, workflowId, runId }), expiresAt: hold.expiresAt };
}

export function reverse(target: ReversalTarget, fields: Partial<Reverse> = {}): Reverse {
  const key = freshKey();
  return {
    type: 'reverse',
    key,
    effectKey: `reverse:${target.entryId}:1` as IdempotencyKey,
    target,
    grantId: grantIdOf(`back-${key}`),
    actor: 'usr_operator',
    ...fields,
  };
}

export function redact(entryId: EntryId): Redact {
  return { type: 'redact', key: freshKey(), entryId, actor: 'usr_operator' };
}

/** Starts a trial of {@link PLAN} with credits that lapse, for a second from {@link START} on. */
export function startTrial(granted: bigint, fields: Partial<StartTrial> = {}): StartTrial {
  const key = freshKey();
  return {
    type: 'start_trial',
    key,
    effectKey: `trial:${TENANT}` as IdempotencyKey,
    planCode: PLAN,
    fallbackPlanCode: FALLBACK_PLAN,
    endsAt: START + 1_000,
    granted,
    revokesUnused: true,
    endBehaviour: 'convert_or_fallback',
    grantId: grantIdOf(`trial-${key}`),
    onlyFromFallback: false,
    ...fields,
  };
}

export function cancelTrial(fields: Partial<CancelTrial> = {}): CancelTrial {
  return { type: 'cancel_trial', key: freshKey(), ...fields };
}

/** The place of a batch in a test's history; its seq only shows in the ids of holds. */
export function at(now: Instant, seq = 2): BatchPlace {
  return { now, seq };
}

export const EXPIRE: Expire = { type: 'expire', key: 'expire' as IdempotencyKey };

/** A state and the entries that led to it. */
export interface Played {
  readonly state: AccountState;
  readonly entries: readonly Entry[];
}

/** Opens an account at {@link START} and decides commands over it then. Throws what the first refusal says. */
export function accountAfter(...commands: readonly Command[]): AccountState {
  return play(UNOPENED_ACCOUNT, START, openAccount(), ...commands).state;
}

/** Decides commands in one batch. Throws the first refusal, so that a test can't go on from a state it did not mean. */
export function play(state: AccountState, now: Instant, ...commands: readonly Command[]): Played {
  const { state: after, entries } = decideWhole(state, now, commands, (error) => {
    throw error;
  });
  return { state: after, entries };
}

/** An account with the one hold that it has open. */
export interface Holding extends Played {
  readonly hold: Hold;
  readonly holdId: HoldId;
  readonly reserved: Reserved;
}

/** Decides a reservation that must be accepted. */
export function hold(state: AccountState, now: Instant, command: Reserve): Holding {
  const played = play(state, now, command);
  const reserved = played.entries.at(-1);
  if (reserved?.type !== 'reserved') throw new Error('nothing was reserved');
  const { holdId } = reserved;
  const open = played.state.holds.find((other) => other.holdId === holdId);
  if (open === undefined) throw new Error(`hold ${holdId} is not open`);
  return { ...played, hold: open, holdId, reserved };
}

/** An account after a command, and its entry as something that can be undone. */
export interface Undoable {
  readonly state: AccountState;
  readonly target: ReversalTarget;
}

/** Decides a command that must be accepted with one entry at its end. */
export function undoable(state: AccountState, now: Instant, command: Command): Undoable {
  const played = play(state, now, command);
  const entry = played.entries.at(-1);
  if (entry === undefined) throw new Error('the command left no entry');
  const before = played.entries.slice(0, -1).reduce(evolve, state);
  return { state: played.state, target: targetOf(entry, before, now, { seq: 2, index: played.entries.length - 1 }) };
}

/** Says what a reversal is told of the entry that it undoes. `before` is the account right before the entry. */
export function targetOf(
  entry: Entry,
  before: AccountState,
  createdAt: Instant,
  place: Parameters<typeof formatEntryId>[0],
): ReversalTarget {
  const draws = 'draws' in entry ? entry.draws : [];
  const grants = draws.flatMap(({ bucket, grantId }): Grant[] => {
    const grant = findGrant(before, bucket, grantId);
    return grant === undefined ? [] : [grant];
  });
  return { entryId: formatEntryId(place, createdAt), entry, createdAt, grants };
}

/** Decides one command that must be refused; answers why. */
export function refusalOf(state: AccountState, now: Instant, command: Command): DomainError {
  const { outcomes, entries } = decideBatch(state, [command], at(now));
  const [outcome] = outcomes;
  if (outcome?.kind !== 'rejected') throw new Error(`the command was not refused but ${outcome?.kind}`);
  if (entries.length > 0) throw new Error('a refused command left entries');
  return outcome.error;
}

/** Decides one command that must be accepted with an entry of a type; answers that entry. */
export function entryOf<Type extends Entry['type']>(
  state: AccountState,
  now: Instant,
  command: Command,
  type: Type,
): Extract<Entry, { readonly type: Type }> {
  const entry = play(state, now, command).entries.at(-1);
  if (entry?.type !== type) throw new Error(`the command left ${entry?.type ?? 'no entry'}, not ${type}`);
  // The discriminant was compared just now; TypeScript does not narrow by a generic one.
  return entry as Extract<Entry, { readonly type: Type }>;
}

let plays = 1;

function decideWhole(
  state: AccountState,
  now: Instant,
  commands: readonly Command[],
  onRefusal: (error: DomainError) => void,
): Batch {
  plays += 1;
  const batch = decideBatch(state, commands, at(now, plays));
  for (const outcome of batch.outcomes) {
    if (outcome.kind === 'rejected') onRefusal(outcome.error);
    if (outcome.kind === 'deferred') throw new Error('the commands do not fit into one batch');
  }
  return batch;
}
