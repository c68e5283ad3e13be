// Owns the translation of holds and of the entries that make, change and end them.

import type { Entry as EntryMessage } from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import { type Hold as HoldMessage, HoldStatus } from '../../../gen/wheelhouse/ledger/v1/hold.ts';
import type { HoldRecord } from '../../domain/entry.ts';
import { parseHoldId } from '../../domain/entry-id.ts';
import { sumDraws } from '../../domain/grant.ts';
import type { Hold, HoldEnd, HoldFigures } from '../../domain/hold.ts';
import type { TenantId } from '../../domain/id.ts';
import { toProtoDraw } from './balance.ts';
import { toProtoDebit } from './charge.ts';
import { toProtoActionPrice } from './plan.ts';

type Detail = NonNullable<EntryMessage['detail']>;
type HoldEndMessage = NonNullable<Extract<Detail, { $case: 'holdRelease' }>['value']['end']>;

/** Translates an open hold. */
export function toProtoOpenHold(tenantId: TenantId, hold: Hold): HoldMessage {
  return toProtoHold(tenantId, hold, hold, HoldStatus.OPEN);
}

/** Translates the hold behind an entry as it is after that entry. */
export function toProtoHoldAfter(tenantId: TenantId, entry: HoldRecord): HoldMessage {
  return toProtoHold(tenantId, entry, entry.hold, statusAfter(entry));
}

function statusAfter(entry: HoldRecord): HoldStatus {
  switch (entry.type) {
    case 'reserved':
    case 'hold_extended':
      return HoldStatus.OPEN;
    case 'settled':
      if (entry.late) return HoldStatus.ENDED;
      return entry.final ? HoldStatus.SETTLED : HoldStatus.OPEN;
    case 'hold_released':
      return HoldStatus.RELEASED;
    case 'hold_expired':
      return HoldStatus.EXPIRED;
  }
}

function toProtoHold(
  tenantId: TenantId,
  about: Pick<Hold, 'holdId' | 'action' | 'projectId' | 'workflowId' | 'runId'>,
  figures: HoldFigures,
  status: HoldStatus,
): HoldMessage {
  // The id of a hold carries the time of the commit that made it.
  const createdAt = parseHoldId(about.holdId)?.createdAt;
  return {
    holdId: about.holdId,
    tenantId,
    action: about.action,
    heldMicrocredits: sumDraws(figures.draws),
    settledMicrocredits: figures.settled,
    draws: figures.draws.map(toProtoDraw),
    projectId: about.projectId ?? '',
    runId: about.runId ?? '',
    status,
    expireTime: new Date(figures.expiresAt),
    createTime: createdAt === undefined ? undefined : new Date(createdAt),
    workflowId: about.workflowId ?? '',
    overdraftMicrocredits: figures.overdraft,
  };
}

/** Translates what an entry says of a hold. */
export function toProtoHoldDetail(tenantId: TenantId, entry: HoldRecord): Detail {
  const hold = toProtoHoldAfter(tenantId, entry);
  switch (entry.type) {
    case 'reserved': {
      const { quantity, price, action } = entry;
      const overdraftMicrocredits = entry.hold.overdraft;
      const reservedMicrocredits = sumDraws(entry.hold.draws) + overdraftMicrocredits;
      const cost = { reservedMicrocredits, overdraftMicrocredits };
      return { $case: 'reservation', value: { hold, quantity, price: toProtoActionPrice(action, price), ...cost } };
    }
    case 'hold_extended': {
      const reservedMicrocredits = sumDraws(entry.draws) + entry.overdraft;
      return {
        $case: 'holdExtension',
        value: { hold, additionalQuantity: entry.quantity ?? '', reservedMicrocredits },
      };
    }
    case 'settled': {
      const { partId, final, late, end } = entry;
      const charge = toProtoDebit(entry);
      return { $case: 'settlement', value: { hold, partId, charge, final, late, end: end && toProtoHoldEnd(end) } };
    }
    case 'hold_released':
      return { $case: 'holdRelease', value: { hold, end: toProtoHoldEnd(entry.end) } };
    case 'hold_expired':
      return { $case: 'holdExpiry', value: { hold, end: toProtoHoldEnd(entry.end), dueTime: new Date(entry.dueAt) } };
  }
}

function toProtoHoldEnd({ freed, expired, deficitPaid }: HoldEnd): HoldEndMessage {
  return {
    freed: freed.map(toProtoDraw),
    expired: expired.map(toProtoDraw),
    deficitPaidMicrocredits: deficitPaid,
  };
}
