// Owns the use cases of holds: it makes complete commands out of requests, and tells holds that have ended from holds that
// never were by the history. Does not own rules (domain/decide-hold.ts).

import { HOLD_DURATION_MAX_MS } from '../../domain/bound.ts';
import type { Extend, Release, Reservation, Reserve, Settle } from '../../domain/command.ts';
import { parseHoldId } from '../../domain/entry-id.ts';
import { DomainError, invalidField } from '../../domain/error.ts';
import { compareHoldOrder, type Hold } from '../../domain/hold.ts';
import type { HoldId, Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { formatQuantity } from '../../domain/quantity.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { AccountDesk } from './account-desk.ts';
import { holdNoteTime } from './due-note-book.ts';
import { findReservation } from './entry-lookup.ts';
import type {
  ExtendInput,
  HoldPage,
  Ledger,
  Posting,
  ReserveInput,
  SettleInput,
  TenantRef,
  WriteContext,
} from './ledger.ts';
import { computeFingerprint, requestKey, settlementKey } from './request-identity.ts';
import { holdNotFound } from './write-error.ts';

const TOKEN = /^1\.([\w-]{16})\.(\d{1,16})\.(hld_[0-9a-f-]{36})$/;

/** Serves the holds of every tenant. */
export class HoldDesk implements Pick<Ledger, 'reserve' | 'extend' | 'settle' | 'release' | 'listHolds'> {
  readonly #desk: AccountDesk;

  constructor(desk: AccountDesk) {
    this.#desk = desk;
  }

  async reserve(tenant: TenantRef, input: ReserveInput, context: WriteContext): Promise<Posting> {
    const { action, quantity, expiresAt, projectId, workflowId, runId } = input;
    await this.#noteExpiry(tenant.tenantId, expiresAt);
    const command: Omit<Reserve, 'rulebook'> = {
      type: 'reserve',
      key: requestKey(context.callerScope, 'reserve', context.requestId),
      // The expiry is no part of the meaning: a client that computes it anew for a retry gets its hold back.
      fingerprint: computeFingerprint(['reserve', action, formatQuantity(quantity), projectId, workflowId, runId]),
      tenantId: tenant.tenantId,
      action,
      quantity,
      ...present({ projectId, workflowId, runId }),
      expiresAt,
    };
    return this.#desk.submitPriced(tenant, (rulebook) => ({ ...command, rulebook }), context);
  }

  async extend(tenant: TenantRef, input: ExtendInput, context: WriteContext): Promise<Posting> {
    const { holdId, expiresAt, additionalQuantity } = input;
    if (expiresAt !== undefined) await this.#noteExpiry(tenant.tenantId, expiresAt);
    const quantity = additionalQuantity && formatQuantity(additionalQuantity);
    const command: Extend = {
      type: 'extend',
      key: requestKey(context.callerScope, 'extend', context.requestId),
      fingerprint: computeFingerprint(['extend', holdId, expiresAt, quantity]),
      holdId,
      ...present({ expiresAt, quantity: additionalQuantity }),
      rulebook: await this.#desk.loadRulebook(tenant),
    };
    return this.#submitOpen(tenant, command, context);
  }

  async settle(tenant: TenantRef, input: SettleInput, context: Omit<WriteContext, 'requestId'>): Promise<Posting> {
    const { holdId, partId, quantity, final, runStatus, dimensions } = input;
    // The key is made of both ids: one of another form could run into the name of another hold's part.
    if (parseHoldId(holdId) === undefined) throw holdNotFound(holdId);
    const command: Settle = {
      type: 'settle',
      key: settlementKey(holdId, partId),
      fingerprint: computeFingerprint(['settle', formatQuantity(quantity), final, runStatus]),
      ...this.#desk.personalOf(present({ dimensions })),
      holdId,
      partId,
      quantity,
      final,
      ...present({ runStatus }),
    };
    try {
      return await this.#desk.submit(tenant, command, context);
    } catch (error) {
      if (!isHoldEnded(error)) throw error;
      // Work that was done is charged, also after the hold's end: by what the reservation says for ever.
      return this.#desk.submit(
        tenant,
        { ...command, reservation: await this.#loadReservation(tenant, holdId) },
        context,
      );
    }
  }

  release(tenant: TenantRef, holdId: HoldId, context: WriteContext): Promise<Posting> {
    const command: Release = {
      type: 'release',
      key: requestKey(context.callerScope, 'release', context.requestId),
      fingerprint: computeFingerprint(['release', holdId]),
      holdId,
    };
    return this.#submitOpen(tenant, command, context);
  }

  async listHolds(tenant: TenantRef, pageSize: number, pageToken: string): Promise<HoldPage> {
    const after = pageToken === '' ? undefined : parseToken(pageToken, tenant.tenantId);
    const { head } = await this.#desk.read(() => this.#desk.readNow(tenant.tenantId));
    const { holds } = head.state;
    const start = after === undefined ? 0 : holds.findIndex((hold) => compareHoldOrder(hold, after) > 0);
    const page = start === -1 ? [] : holds.slice(start, start + pageSize);
    const last = page.at(-1);
    const isEnd = last === undefined || start + page.length >= holds.length;
    return { holds: page, nextPageToken: isEnd ? '' : formatToken(last, tenant.tenantId) };
  }

  /** Commits what only an open hold takes, and tells a hold that has ended from one that never was. */
  async #submitOpen(tenant: TenantRef, command: Extend | Release, context: WriteContext): Promise<Posting> {
    try {
      return await this.#desk.submit(tenant, command, context);
    } catch (error) {
      if (isHoldEnded(error)) await this.#loadReservation(tenant, command.holdId);
      throw error;
    }
  }

  async #loadReservation(tenant: TenantRef, holdId: HoldId): Promise<Reservation> {
    const entry = await this.#desk.read(() => findReservation(this.#desk.tools.store, tenant.tenantId, holdId));
    if (entry === undefined) throw holdNotFound(holdId);
    const { action, price, projectId, workflowId, runId, hold } = entry;
    return { holdId, action, price, ...present({ projectId, workflowId, runId }), expiresAt: hold.expiresAt };
  }

  async #noteExpiry(tenantId: TenantId, expiresAt: Instant): Promise<void> {
    // An expiry that is sure to be refused leaves no note; the time that decides may be a little later than this one.
    if (expiresAt > this.#desk.tools.clock.estimate() + 2 * HOLD_DURATION_MAX_MS) return;
    await this.#desk.noteDueTimes(tenantId, [holdNoteTime(tenantId, expiresAt)]);
  }
}

function isHoldEnded(error: unknown): boolean {
  return error instanceof DomainError && error.reason === 'HOLD_ENDED';
}

function formatToken({ expiresAt, holdId }: Hold, tenantId: TenantId): string {
  return Buffer.from(`1.${computeTokenSignature([tenantId])}.${expiresAt}.${holdId}`).toString('base64url');
}

function parseToken(token: string, tenantId: TenantId): Pick<Hold, 'expiresAt' | 'holdId'> {
  const [, stated, expiresAt, holdId] = TOKEN.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (expiresAt === undefined || holdId === undefined || stated !== computeTokenSignature([tenantId])) {
    const description = 'is not a token of this list: pass next_page_token as it was given, with the same tenant';
    throw invalidField({ field: 'page_token', description });
  }
  return { expiresAt: Number(expiresAt), holdId: holdId as HoldId };
}
