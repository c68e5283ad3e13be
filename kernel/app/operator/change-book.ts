// Owns how operators change a document of the catalog, a switch, an event, a mail or a promotion: the record of a change is stored first and
// is the decision; what it says is then done to its target. Does not own what may be changed (catalog-admin.ts,
// kill-switch-board.ts, webhook-desk.ts, mail-desk.ts, promotion-admin.ts).
// Invariants: no change is without a record; one request makes one record, whichever kernels it reaches; the changes of a
// target are numbered without gaps, and one is recorded only on top of a target that has all before it, so a change that a
// crash has left undone is done by the retry, by the next change, or by the worker, and never after a later one.

import { DomainError } from '../../domain/error.ts';
import type { Fingerprint, IdempotencyKey } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { computeFingerprint, type Operation, requestKey } from '../ledger/request-identity.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { AuditIdSource, AuditStore, AuditSubject, ChangeEffect, ChangeTarget, FieldChange } from './ports.ts';

/** How often a change is tried to be recorded while others change the same target, and how long between at most, in ms. */
const ATTEMPTS_MAX = 40;
const ATTEMPT_INTERVAL_MAX_MS = 100;

/** Who asks for a write, and why. */
export interface OperatorRequest {
  readonly requestId: string;
  /** The scope and name of the credential. No colon. */
  readonly callerScope: string;
  readonly actor: string;
  readonly reason: string;
  /** The address that the call came from. */
  readonly remoteAddress?: string;
}

/** What kind of change a request asks for. */
export interface ChangeKind {
  readonly operation: Operation;
  /** The method, as credentials name it. */
  readonly method: string;
  /** The fields that give the request its meaning, in a fixed order. */
  readonly meaning: Parameters<typeof computeFingerprint>[0];
}

/** A change that can be recorded. */
export interface ChangeDraft {
  readonly effect: ChangeEffect;
  readonly changes: readonly FieldChange[];
}

/** What changes are made with. */
export interface ChangeBookParts {
  readonly store: Pick<AuditStore, 'insertChange' | 'loadRecordByKey' | 'settleTarget'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: AuditIdSource;
  readonly pacing: Pick<Pacing, 'delay' | 'random'>;
}

interface Identity {
  readonly requestId: string;
  readonly key: IdempotencyKey;
  readonly fingerprint: Fingerprint;
}

/** Makes changes of operators. */
export class ChangeBook {
  readonly #parts: ChangeBookParts;

  constructor(parts: ChangeBookParts) {
    this.#parts = parts;
  }

  /**
   * Makes a change, once for each caller and request id; answers whether an earlier call did. `decide` reads the target and
   * says what becomes of it, throws, or answers undefined where there is nothing to do: then nothing is recorded, and the
   * request id stays free. It runs again where somebody else changed the target meanwhile.
   * Throws DomainError IDEMPOTENCY_KEY_REUSED, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN, and what `decide` throws.
   */
  async change(
    request: OperatorRequest,
    kind: ChangeKind,
    target: ChangeTarget,
    decide: () => Promise<ChangeDraft | undefined>,
  ): Promise<boolean> {
    const { store, clock, ids, pacing } = this.#parts;
    const { requestId, callerScope, actor, reason, remoteAddress } = request;
    const key = requestKey(callerScope, kind.operation, requestId);
    const fingerprint = computeFingerprint([kind.operation, ...kind.meaning, actor, reason]);
    const identity = { requestId, key, fingerprint };
    if (await this.#isRecorded(identity, target)) return true;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      // First: what is read from here on has every change up to this number, and what comes after takes the next one.
      const revision = (await store.settleTarget(target)) + 1;
      const draft = await decide().catch(async (error: unknown) => {
        // What stands in the way may be what another call of this request has done since.
        if (!(await this.#isRecorded(identity, target))) throw error;
        return undefined;
      });
      if (draft === undefined) return await this.#isRecorded(identity, target);
      const { effect, changes } = draft;
      const audit = {
        ...{
          recordId: ids.auditRecordId(),
          recordKey: key,
          method: kind.method,
          credential: callerScope,
          actor,
          reason,
        },
        ...present({ remoteAddress }),
        ...{ requestId, requestKey: key, fingerprint, changes, evidence: 'record' as const, createdAt: clock.now() },
        ...subjectOf(target),
      };
      if (await store.insertChange({ audit, target, revision, effect })) {
        await store.settleTarget(target);
        return false;
      }
      if (await this.#isRecorded(identity, target)) return true;
      await pacing.delay(pacing.random() * ATTEMPT_INTERVAL_MAX_MS);
    }
    const message = 'other changes of the same thing have not come to an end: repeat the call with the same request_id';
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000 });
  }

  /** Says whether an earlier call has made the change, and does what a crash may have left. */
  async #isRecorded({ key, fingerprint, requestId }: Identity, target: ChangeTarget): Promise<boolean> {
    const record = await this.#parts.store.loadRecordByKey(key);
    if (record === undefined) return false;
    if (record.fingerprint !== fingerprint) {
      const message = `request_id: ${requestId} was used before for another change: use a new one for a new change`;
      throw new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
    }
    await this.#parts.store.settleTarget(target);
    return true;
  }
}

function subjectOf(target: ChangeTarget): AuditSubject {
  if (target.kind === 'switch' || target.kind === 'webhook_event' || target.kind === 'mail') return {};
  const { productCode } = target;
  return 'planCode' in target ? { productCode, planCode: target.planCode } : { productCode };
}
