// Owns signups: from an email address to a workspace of the product. Does not own how a workspace is made
// (app/tenant), or how mail goes out (app/mail).
// Invariants: nothing here asks whether an address is known, so that no answer can tell; a token is in its mail alone, and its
// digest in the database; of one signup comes one workspace, for the one person whom it was given to first: pending →
// confirming by that person → confirmed, and every step can be done again after a crash.

import { hash } from 'node:crypto';
import { DomainError, type Reason } from '../../domain/error.ts';
import type { ProductCode, SignupId, UserId } from '../../domain/id.ts';
import { assertSameEmail } from '../../domain/workspace.ts';
import type { CallOrigin } from '../access/ports.ts';
import { productNotFound } from '../catalog/catalog-error.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { MailOutbox } from '../mail/mail-outbox.ts';
import type { KillSwitchBoard } from '../operator/kill-switch-board.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { Tenant } from '../tenant/ports.ts';
import type { Signup, SignupIdSource, SignupStore, SignupWorkspaces, StoredSignup } from './ports.ts';

/** How long a signup can be confirmed after its last mail, in milliseconds: as long as an invitation. */
export const SIGNUP_LIFETIME_MS = 7 * 86_400_000;
/** How long a person's own call has to finish what it began before the worker does, in milliseconds. */
const LEFT_AFTER_MS = 15_000;
/** How long nobody else tries one that the worker has taken, in milliseconds. */
const LEFT_RETRY_MS = 60_000;
const LEFT_AT_ONCE = 50;
/** How long whoever made a token has to put its mail into the outbox, in milliseconds. */
const MAIL_LOST_AFTER_MS = 10_000;
/** How often what another call is about to store is looked for, and how long between, in milliseconds. */
const TAKEN_LOOKUPS_MAX = 10;
const TAKEN_LOOKUP_INTERVAL_MS = 50;

/** Refusals of a workspace that come before anything of it is made: the person may try again, or somebody else may. */
const REFUSALS: ReadonlySet<Reason> = new Set<Reason>([
  'KILL_SWITCH_OFF',
  'PRODUCT_NOT_FOUND',
  'PLAN_NOT_FOUND',
  'SLUG_TAKEN',
  'WORKSPACE_LIMIT_REACHED',
]);

/** What the service works with. */
export interface SignupServiceParts {
  readonly store: SignupStore;
  readonly workspaces: SignupWorkspaces;
  readonly outbox: MailOutbox;
  readonly catalog: Pick<CatalogStore, 'loadProduct'>;
  readonly switches: Pick<KillSwitchBoard, 'assertOn'>;
  readonly clock: Pick<Clock, 'now' | 'estimate'>;
  readonly ids: SignupIdSource;
  readonly pacing: Pick<Pacing, 'delay'>;
}

/** Asks for a signup. */
export interface NewSignup {
  readonly productCode: ProductCode;
  /** In lower case. */
  readonly email: string;
  readonly workspaceName: string;
}

/** A signup as it stands now. */
export type ReadSignup = Pick<Signup, 'signupId' | 'email' | 'workspaceName' | 'createdAt' | 'expiresAt'> & {
  readonly status: 'pending' | 'confirmed' | 'expired';
};

/** Somebody who is signed in. */
export interface Confirmer {
  readonly userId: UserId;
  /** The address that the issuer vouches for, in lower case. */
  readonly email?: string;
  readonly origin: CallOrigin;
}

/** The workspace of a signup, and whether an earlier call had made it. */
export interface ConfirmedSignup {
  readonly tenant: Tenant;
  readonly replayed: boolean;
}

/** A signup with its newest token. */
type RenewedSignup = Pick<StoredSignup, 'signup' | 'tokenDigest' | 'tokenAt'>;

/** Serves signups. */
export class SignupService {
  readonly #parts: SignupServiceParts;

  constructor(parts: SignupServiceParts) {
    this.#parts = parts;
  }

  /**
   * Starts a signup and mails its token, once for each caller, address and request id.
   * Throws DomainError KILL_SWITCH_OFF, PRODUCT_NOT_FOUND, MAIL_LIMIT_REACHED, IDEMPOTENCY_KEY_REUSED, OUTCOME_UNKNOWN,
   * DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async start(
    input: NewSignup,
    { callerScope, requestId }: { readonly callerScope: string; readonly requestId: string },
  ): Promise<{ readonly signup: ReadSignup; readonly replayed: boolean }> {
    const { store, switches, catalog, ids, clock } = this.#parts;
    const { productCode, email, workspaceName } = input;
    await switches.assertOn('SIGNUPS_ENABLED');
    // Nobody is signed in, so that all who sign up are one caller: what one of them has used is no key of another's.
    const requestKeyOfThis = requestKey(`${callerScope}/${digestOf(email)}`, 'start_signup', requestId);
    const fingerprint = computeFingerprint(['start_signup', productCode, email, workspaceName]);
    const before = await store.loadByRequestKey(requestKeyOfThis);
    if (before !== undefined) return this.#replay(before, fingerprint, requestId);
    if ((await catalog.loadProduct(productCode)) === undefined) throw productNotFound(productCode);
    const now = clock.now();
    const token = ids.secret();
    const signup: Signup = {
      ...{ signupId: ids.signupId(), productCode, email, workspaceName, state: 'pending' },
      ...{ createdAt: now, expiresAt: now + SIGNUP_LIFETIME_MS },
    };
    const stored: StoredSignup = {
      ...{ signup, tokenDigest: digestOf(token), tokenAt: now, requestKey: requestKeyOfThis, fingerprint },
      resendKeys: [],
    };
    if (!(await store.insertSignup(stored))) {
      return this.#replay(await this.#loadTaken(stored), fingerprint, requestId);
    }
    await this.#sendFirst(stored, token);
    return { signup: this.#read(signup), replayed: false };
  }

  /**
   * Mails a new token; earlier ones stop to work. Once for each signup and request id, but for two calls at the same time.
   * Throws DomainError KILL_SWITCH_OFF, SIGNUP_NOT_FOUND, SIGNUP_ENDED, MAIL_LIMIT_REACHED, OUTCOME_UNKNOWN,
   * DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async resend(
    signupId: SignupId,
    { productCode, requestId }: { readonly productCode: ProductCode; readonly requestId: string },
  ): Promise<{ readonly signup: ReadSignup; readonly replayed: boolean }> {
    const { store, switches } = this.#parts;
    await switches.assertOn('SIGNUPS_ENABLED');
    const stored = await store.loadSignup(signupId);
    if (stored === undefined || stored.signup.productCode !== productCode) throw signupNotFound();
    const resendKey = requestKey(signupId, 'resend_signup', requestId);
    if (stored.resendKeys.includes(resendKey)) return { signup: this.#read(stored.signup), replayed: true };
    this.#assertPending(stored.signup);
    const { token, renewed } = this.#draftToken(stored);
    // The mail first: where the address may have no more, the token before it goes on to work.
    await this.#send(renewed, token);
    const { signup } = renewed;
    await store.renewToken(signupId, stored.tokenDigest, { ...renewed, expiresAt: signup.expiresAt, resendKey });
    return { signup: this.#read(signup), replayed: false };
  }

  /**
   * Makes the workspace of a signup for a person. Throws DomainError KILL_SWITCH_OFF, SIGNUP_NOT_FOUND, SIGNUP_ENDED,
   * EMAIL_NOT_VERIFIED, EMAIL_MISMATCH, and what making a workspace can give.
   */
  async confirm(token: string, productCode: ProductCode, person: Confirmer): Promise<ConfirmedSignup> {
    const { store, switches, workspaces, clock } = this.#parts;
    const found = await store.loadByTokenDigest(digestOf(token));
    if (found === undefined || found.signup.productCode !== productCode) throw signupNotFound();
    assertSameEmail(found.signup.email, person.email, 'signup');
    let { signup } = found;
    if (signup.state === 'pending') {
      await switches.assertOn('SIGNUPS_ENABLED');
      this.#assertPending(signup);
      await store.claim(signup.signupId, person.userId, clock.now());
      // Whoever came first has it: that is read, not concluded.
      const claimed = await store.loadSignup(signup.signupId);
      if (claimed === undefined) throw signupNotFound();
      signup = claimed.signup;
    }
    if (signup.confirmedBy !== person.userId) throw signupEnded('confirmed');
    if (signup.tenantId !== undefined) return { tenant: await workspaces.load(signup.tenantId), replayed: true };
    return this.#finish(signup, person.userId, person.origin);
  }

  /** Finishes what calls have begun and nobody repeats; answers how many. Throws DomainError as `confirm` does. */
  async finishLeft(): Promise<number> {
    const { store, clock } = this.#parts;
    let finished = 0;
    while (finished < LEFT_AT_ONCE) {
      const now = clock.now();
      const left = await store.claimLeft(now - LEFT_AFTER_MS, now + LEFT_RETRY_MS);
      if (left === undefined) break;
      const { signup } = left;
      if (signup.confirmedBy !== undefined) await this.#finish(signup, signup.confirmedBy, undefined);
      finished += 1;
    }
    return finished;
  }

  async #finish(signup: Signup, owner: UserId, origin: CallOrigin | undefined): Promise<ConfirmedSignup> {
    const { store, workspaces } = this.#parts;
    const { signupId, productCode, workspaceName: displayName } = signup;
    const input = { signupId, productCode, displayName, owner, ...(origin === undefined ? {} : { origin }) };
    let tenant: Tenant;
    try {
      tenant = await workspaces.create(input);
    } catch (error) {
      if (error instanceof DomainError) {
        // Another person had it, was refused and gave it free, and has got it after all.
        if (error.reason === 'IDEMPOTENCY_KEY_REUSED') throw signupEnded('confirmed');
        if (REFUSALS.has(error.reason)) await store.release(signupId, owner);
      }
      throw error;
    }
    return { tenant, replayed: !(await store.saveConfirmed(signupId, owner, tenant.tenantId)) };
  }

  /** Answers what an earlier call made, once its mail is in the outbox. */
  async #replay(before: StoredSignup, fingerprint: string, requestId: string) {
    if (before.fingerprint !== fingerprint) {
      const message = `request_id: ${requestId} was used before for a signup with other fields: use a new one`;
      throw new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
    }
    let stored = before;
    for (let attempt = 0; attempt < TAKEN_LOOKUPS_MAX; attempt += 1) {
      const { signup } = stored;
      if (this.#statusOf(signup) !== 'pending' || (await this.#parts.outbox.isKnown(mailIdOf(stored)))) {
        return { signup: this.#read(signup), replayed: true };
      }
      const sent = await this.#sendLost(stored);
      if (sent !== undefined) return { signup: this.#read(sent), replayed: true };
      await this.#parts.pacing.delay(TAKEN_LOOKUP_INTERVAL_MS);
      stored = (await this.#parts.store.loadByRequestKey(before.requestKey)) ?? stored;
    }
    throw notAtItsEnd();
  }

  /** Sends a mail in the place of one that never came to the outbox, since whoever was to put it there has died. */
  async #sendLost(stored: StoredSignup): Promise<Signup | undefined> {
    const { store, clock } = this.#parts;
    if (clock.now() - stored.tokenAt < MAIL_LOST_AFTER_MS) return undefined;
    const { token, renewed } = this.#draftToken(stored);
    const { signup } = renewed;
    const isOurs = await store.renewToken(signup.signupId, stored.tokenDigest, {
      ...renewed,
      expiresAt: signup.expiresAt,
    });
    if (!isOurs) return undefined;
    await this.#send(renewed, token);
    return signup;
  }

  #draftToken({ signup }: StoredSignup): { readonly token: string; readonly renewed: RenewedSignup } {
    const { ids, clock } = this.#parts;
    const token = ids.secret();
    const tokenAt = clock.now();
    const expiresAt = tokenAt + SIGNUP_LIFETIME_MS;
    return { token, renewed: { signup: { ...signup, expiresAt }, tokenDigest: digestOf(token), tokenAt } };
  }

  async #sendFirst(stored: StoredSignup, token: string): Promise<void> {
    try {
      await this.#send(stored, token);
    } catch (error) {
      // What an address may have bounds how many signups of it there are.
      if (error instanceof DomainError && error.reason === 'MAIL_LIMIT_REACHED') {
        await this.#parts.store.removePending(stored.signup.signupId, stored.tokenDigest);
      }
      throw error;
    }
  }

  async #send(stored: Pick<StoredSignup, 'signup' | 'tokenDigest'>, token: string): Promise<void> {
    const { productCode, email, workspaceName, expiresAt } = stored.signup;
    await this.#parts.outbox.enqueue({
      mailId: mailIdOf(stored),
      productCode,
      to: email,
      content: { template: 'signup', workspaceName, token, expiresAt },
    });
  }

  /** A key can be taken by a row that no majority has yet, which a majority read doesn't show: wait for it a little. */
  async #loadTaken({ requestKey: key }: StoredSignup): Promise<StoredSignup> {
    for (let attempt = 0; attempt < TAKEN_LOOKUPS_MAX; attempt += 1) {
      const stored = await this.#parts.store.loadByRequestKey(key);
      if (stored !== undefined) return stored;
      await this.#parts.pacing.delay(TAKEN_LOOKUP_INTERVAL_MS);
    }
    throw notAtItsEnd();
  }

  #assertPending(signup: Signup): void {
    const status = this.#statusOf(signup);
    if (status !== 'pending') throw signupEnded(status);
  }

  #statusOf({ state, expiresAt }: Signup): ReadSignup['status'] {
    if (state !== 'pending') return 'confirmed';
    return expiresAt > this.#parts.clock.estimate() ? 'pending' : 'expired';
  }

  #read(signup: Signup): ReadSignup {
    const { signupId, email, workspaceName, createdAt, expiresAt } = signup;
    return { signupId, email, workspaceName, createdAt, expiresAt, status: this.#statusOf(signup) };
  }
}

/** Each token has a mail of its own. */
function mailIdOf({ signup, tokenDigest }: Pick<StoredSignup, 'signup' | 'tokenDigest'>): string {
  return `${signup.signupId}:${tokenDigest}`;
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

function notAtItsEnd(): DomainError {
  const message = 'another call with this request_id has not come to an end: repeat the call with the same request_id';
  return new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000 });
}

function signupNotFound(): DomainError {
  const message = 'there is no such signup, or its token is not the newest one: use the newest mail, or start again';
  return new DomainError('SIGNUP_NOT_FOUND', message);
}

function signupEnded(status: 'confirmed' | 'expired'): DomainError {
  const what = status === 'expired' ? 'has expired' : 'was confirmed before';
  return new DomainError('SIGNUP_ENDED', `the signup ${what}: start a new one`, { metadata: { status } });
}
