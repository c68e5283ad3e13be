// Owns who does something to a workspace, as its log is to have it, from what is known of a call.

import type { PersonAsker } from '../../app/access/ports.ts';
import { type Operation, requestKey } from '../../app/ledger/request-identity.ts';
import type { OperatorAct } from '../../app/tenant/operator-act.ts';
import type { Act, ActIdentity } from '../../app/tenant/workspace-desk.ts';
import { DomainError } from '../../domain/error.ts';
import type { Fingerprint } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { BffCaller, CallContext, Place, SignedIn } from '../caller.ts';

/** Tells who does something: the person behind a BFF, or the operator that the request names. */
export function actOf({ caller, requestId }: CallContext, method: string, operator?: { readonly actor: string }): Act {
  const act = { method, logId: requestId };
  if (caller.scope === 'internal') return { ...act, actor: operator?.actor ?? caller.callerScope };
  const origin = present({ remoteAddress: caller.remoteAddress });
  if (caller.scope === 'sysadmin') return { ...act, actor: operator?.actor ?? caller.callerScope, ...origin };
  const { userId, accessTokenId } = requirePerson(caller);
  return { ...act, actor: userId, ...origin, ...present({ accessTokenId }) };
}

/** Tells the same of what a person may do as a tenant_admin alone, which counts until it is stored. */
export function adminActOf(call: CallContext, method: string, operator?: { readonly actor: string }): Act {
  const act = actOf(call, method, operator);
  return call.caller.scope === 'bff' ? { ...act, asAdmin: true } : act;
}

/** Tells what makes a request this one request. */
export function identityOf(
  { caller }: CallContext,
  operation: Operation,
  requestId: string,
  fingerprint: Fingerprint,
): ActIdentity {
  return { key: requestKey(caller.callerScope, operation, requestId), fingerprint, requestId };
}

/** Tells what an operator says beside what is to be done. */
export function operatorActOf(
  { caller }: CallContext,
  operator: { readonly actor: string; readonly reason: string },
  identity: ActIdentity,
): OperatorAct {
  return { callerScope: caller.callerScope, ...operator, identity };
}

/** Answers which person asks; undefined for an operator. */
export function askerOf({ caller, requestId: logId }: CallContext): PersonAsker | undefined {
  if (caller.scope !== 'bff' || caller.person === undefined) return undefined;
  const { userId, accessTokenId } = caller.person;
  return {
    userId,
    origin: { logId, ...present({ remoteAddress: caller.remoteAddress }) },
    ...present({ accessTokenId }),
  };
}

/** Answers which person asks. Throws Error where none does, which the access table keeps out. */
export function requireAsker(call: CallContext): PersonAsker {
  const asker = askerOf(call);
  if (asker !== undefined) return asker;
  throw new Error(`a method for people was called by ${call.caller.scope}`);
}

/** Answers the BFF that a call comes through. Throws Error for any other caller, which the access table keeps out. */
export function requireBff({ caller }: CallContext): BffCaller {
  if (caller.scope === 'bff') return caller;
  throw new Error(`a method for people was called by ${caller.scope}`);
}

/** Answers who is signed in. Throws Error where nobody is, which the access table keeps out. */
export function requirePerson({ person }: BffCaller): SignedIn {
  if (person !== undefined) return person;
  throw new Error('a method for people was called for nobody');
}

/** Answers the workspace that a call is about. Throws DomainError WORKSPACE_REQUIRED where it names none. */
export function requirePlace({ place }: BffCaller): Place {
  if (place !== undefined) return place;
  throw new DomainError('WORKSPACE_REQUIRED', 'the call names no workspace: name it (x-tenant-id)');
}
