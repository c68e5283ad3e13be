// Owns what clients of a run read, and how each reading is held against the model once the history is known.

import type { BalanceReading, FundsReading, PostedEntry, TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { BUCKETS } from '../../kernel/domain/bucket.ts';
import type { DomainError } from '../../kernel/domain/error.ts';
import type { Hold } from '../../kernel/domain/hold.ts';
import type { AccountModel, Rules } from '../model/account-model.ts';
import { sightOf } from '../model/kernel-words.ts';
import type { AccountHistory, Moment } from './account-history.ts';
import type { ReadRequest, Window } from './attempt.ts';
import { show } from './show.ts';

/** Finds the history that a reading is held against, once the run has ended. */
export type HistoryOf = (tenant: TenantRef) => AccountHistory | undefined;

const PAGE_SIZE = 7;
const EVERYTHING = {};

/** A reading that is refused only before its account is open. */
function readingOf(tenant: TenantRef): Pick<ReadRequest, 'isRead' | 'tenant' | 'verifyRefusal'> {
  const verifyRefusal = ({ reason }: DomainError, { commitsStart }: Window): string | undefined =>
    reason === 'ACCOUNT_NOT_OPEN' && commitsStart === 0 ? undefined : `was refused: ${reason}`;
  return { isRead: true, tenant, verifyRefusal };
}

/** Reads a balance, now or at a past time. */
export function balanceReading(
  tenant: TenantRef,
  at: number | undefined,
  historyOf: HistoryOf,
): ReadRequest<BalanceReading> {
  const reading = readingOf(tenant);
  return {
    ...reading,
    text: `${tenant.tenantId.slice(-1)} balance${at === undefined ? '' : ` at …${at % 100_000}`}`,
    call: (ledger) => ledger.readBalance(tenant, at),
    verify: (value, window) => {
      const history = historyOf(tenant);
      return history && findBalanceProblem(history, value, window, at);
    },
    verifyRefusal: (error, window) => {
      const openedAt = historyOf(tenant)?.commits[0]?.commit.createdAt;
      const isTooEarly = at !== undefined && openedAt !== undefined && at < openedAt && window.commitsEnd > 0;
      return error.reason === 'INVALID_FIELD' && isTooEarly ? undefined : reading.verifyRefusal(error, window);
    },
  };
}

function findBalanceProblem(
  history: AccountHistory,
  { seq, asOf, totals, planCode, trial, grants }: BalanceReading,
  window: Window,
  at: number | undefined,
): string | undefined {
  const moment = history.after(seq);
  if (moment === undefined) return `is of commit ${seq}, which the history does not have`;
  const problem =
    at === undefined
      ? findPresentProblem(moment, seq, asOf, window)
      : (findPastProblem(history, seq, window, at) ?? (asOf === at ? undefined : `is for ${asOf}`));
  if (problem !== undefined) return problem;
  const expected = moment.model.copy().sightAt(Math.max(asOf, moment.model.time));
  const active = { trial: [], included: [], payg: [] };
  const plan = { planCode, ...(trial === undefined ? {} : { trial }) };
  const told = sightOf({ ...plan, totals, grants: { ...active, payg: grants }, pinned: [], scheduled: [], holds: [] });
  const [a, b] = [show({ ...told, holds: 0 }), show({ ...expected, holds: 0 })];
  if (a !== b) return `says ${a} where the model has ${b}`;
  return findOrderProblem(grants, asOf);
}

/** A reading of now has every commit from before the call, none that no majority had, and a time of its kernel's clock. */
function findPresentProblem({ createdAt }: Moment, seq: number, asOf: number, window: Window): string | undefined {
  const { commitsStart, commitsEnd, clockStart, clockEnd } = window;
  if (seq < commitsStart) return `is of commit ${seq} and misses ${commitsStart - seq} that were there before`;
  if (seq > commitsEnd) return `is of commit ${seq}, which no majority had`;
  const isOfItsTime = asOf >= Math.max(clockStart, createdAt) && asOf <= Math.max(clockEnd, createdAt);
  return isOfItsTime ? undefined : `is for ${asOf}, which was no time of its kernel`;
}

/** A reading of the past is of the last commit by then, of those that there were at a moment between call and answer. */
function findPastProblem(history: AccountHistory, seq: number, window: Window, at: number): string | undefined {
  const newestOf = (limit: number): number =>
    history.commits.findLast(({ commit }) => commit.seq <= limit && commit.createdAt <= at)?.commit.seq ?? 0;
  const isLast = seq >= newestOf(window.commitsStart) && seq <= newestOf(window.commitsEnd);
  return isLast ? undefined : `is of commit ${seq}, not the last by then`;
}

/** Active grants come bucket by bucket, soonest end first. */
function findOrderProblem(grants: BalanceReading['grants'], asOf: number): string | undefined {
  const active = grants.filter(({ remaining, effectiveAt }) => remaining > 0n && effectiveAt <= asOf);
  for (const [index, grant] of active.entries()) {
    const before = active[index - 1];
    if (before === undefined || BUCKETS.indexOf(before.bucket) < BUCKETS.indexOf(grant.bucket)) continue;
    if (before.bucket !== grant.bucket) continue;
    if ((before.expiresAt ?? Number.POSITIVE_INFINITY) > (grant.expiresAt ?? Number.POSITIVE_INFINITY)) {
      return `lists ${before.grantId} before ${grant.grantId}, which expires sooner`;
    }
  }
  return undefined;
}

/** Asks whether an amount is there. */
export function fundsReading(
  tenant: TenantRef,
  amount: bigint,
  historyOf: HistoryOf,
  rules: Rules,
): ReadRequest<FundsReading> {
  const fundsOf = (model: AccountModel): string => {
    const [available, limit] = [model.available(), rules.overdraftOf(model.plan ?? '')];
    const overdraftRemaining = model.overdraftLeft(limit);
    const reach = available + overdraftRemaining;
    // What is owed beyond overdraft is paid first.
    const shortfall = amount > reach ? amount - reach + model.overdrawn(limit) : 0n;
    return show({ allowed: shortfall === 0n, available, overdraftRemaining, shortfall });
  };
  return {
    ...readingOf(tenant),
    text: `${tenant.tenantId.slice(-1)} funds for ${amount}`,
    call: (ledger) => ledger.checkFunds(tenant, { kind: 'amount', microcredits: amount }),
    verify: ({ allowed, available, overdraftRemaining, shortfall }, window) => {
      const told = show({ allowed, available, overdraftRemaining, shortfall });
      const history = historyOf(tenant);
      const isRight = history && isRightSomewhen(history, window, (model) => fundsOf(model) === told);
      return isRight === false ? `says ${told}, right at no moment` : undefined;
    },
  };
}

/** Says whether something held at a moment between call and answer. */
function isRightSomewhen(history: AccountHistory, window: Window, holds: (model: AccountModel) => boolean): boolean {
  return history.between(window.commitsStart, window.commitsEnd).some((moment) => holdsIn(moment, window, holds));
}

function holdsIn({ model, createdAt }: Moment, window: Window, holds: (model: AccountModel) => boolean): boolean {
  const twin = model.copy();
  const latest = Math.max(window.clockEnd, createdAt, twin.time);
  for (let now = Math.max(window.clockStart, createdAt, twin.time); ; now = Math.min(twin.nextChange(), latest)) {
    twin.passTo(now);
    if (holds(twin)) return true;
    if (now >= latest) return false;
  }
}

/** Lists the open holds, page by page. */
export function holdsReading(tenant: TenantRef, historyOf: HistoryOf): ReadRequest<readonly Hold[]> {
  return {
    ...readingOf(tenant),
    text: `${tenant.tenantId.slice(-1)} holds`,
    call: async (ledger) => {
      const holds: Hold[] = [];
      for (let token = ''; ; ) {
        const page = await ledger.listHolds(tenant, PAGE_SIZE, token);
        holds.push(...page.holds);
        token = page.nextPageToken;
        if (token === '') return holds;
      }
    },
    verify: (holds, window) => {
      // Pages are read one after the other: only a list of one page shows one moment.
      if (holds.length > PAGE_SIZE) return undefined;
      const none = { trial: [], included: [], payg: [] };
      const history = historyOf(tenant);
      const totals = history?.newest.sums();
      if (history === undefined || totals === undefined) return undefined;
      const account = { ...UNOPENED_ACCOUNT, totals, grants: none, holds };
      const told = show(sightOf(account).holds);
      const isRight = isRightSomewhen(history, window, (model) => show(model.sightAt(model.time).holds) === told);
      return isRight ? undefined : `are ${told} at no moment`;
    },
  };
}

/** Lists all entries, newest first, page by page. */
export function entriesReading(tenant: TenantRef, historyOf: HistoryOf): ReadRequest<readonly PostedEntry[]> {
  return {
    ...readingOf(tenant),
    text: `${tenant.tenantId.slice(-1)} entries`,
    call: async (ledger) => {
      const entries: PostedEntry[] = [];
      for (let token = ''; ; ) {
        const page = await ledger.listEntries(tenant, EVERYTHING, PAGE_SIZE, token);
        entries.push(...page.entries);
        token = page.nextPageToken;
        if (token === '') return entries;
      }
    },
    verify: (entries, { commitsStart, commitsEnd }) => {
      const history = historyOf(tenant);
      if (history === undefined) return undefined;
      const newest = entries[0]?.seq ?? 0;
      if (newest < commitsStart || newest > commitsEnd) return `begin at commit ${newest}`;
      const told = entries.map(({ seq, entry }) => `${seq} ${entry.key}`);
      const expected = history.commits
        .filter(({ commit }) => commit.seq <= newest)
        .flatMap(({ commit }) => commit.entries.map(({ key }) => `${commit.seq} ${key}`));
      return show(told) === show(expected.reverse())
        ? undefined
        : `are ${told.length}, the history has ${expected.length}`;
    },
  };
}
