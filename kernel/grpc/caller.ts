// Owns who a call comes from, as the handlers see it.

import type { TenantVisibility } from '../app/tenant/tenant-directory.ts';
import type { AccessTokenId, ProductCode, TenantId, UserId } from '../domain/id.ts';
import type { Role } from '../domain/role.ts';
import type { Standing } from '../domain/workspace.ts';

/** A workspace that a person, or an access token, calls about, and what may be done in it. */
export interface Place {
  readonly tenantId: TenantId;
  readonly standing: Standing;
  /** Absent for a member without a role in any project. */
  readonly role?: Role;
}

/** Who is signed in. */
export interface SignedIn {
  readonly userId: UserId;
  /** The address that the issuer vouches for. */
  readonly email?: string;
  /** Says that an access token makes the call, in this person's name. */
  readonly accessTokenId?: AccessTokenId;
}

/** A person's request that a BFF passes on; nobody is signed in where `person` is absent. */
export interface BffCaller {
  readonly scope: 'bff';
  /** Namespaces request ids: two people of one BFF never meet in one id. No colon. */
  readonly callerScope: string;
  readonly productCode: ProductCode;
  readonly visibility: TenantVisibility;
  readonly person?: SignedIn;
  readonly place?: Place;
  /** The address that the request came from, as the BFF saw it. */
  readonly remoteAddress?: string;
}

/** A service of the platform. */
export interface InternalCaller {
  readonly scope: 'internal';
  readonly callerScope: string;
  readonly visibility: TenantVisibility;
}

/** An operator. */
export interface SysadminCaller {
  readonly scope: 'sysadmin';
  readonly callerScope: string;
  readonly visibility: TenantVisibility;
  /** The address that the call came from, as this kernel sees it: behind a proxy, the proxy's. */
  readonly remoteAddress?: string;
}

/** Who makes a call. */
export type Caller = BffCaller | InternalCaller | SysadminCaller;

/** What a handler knows of a call beside its request. */
export interface CallContext {
  readonly caller: Caller;
  /** The id of the request in logs. */
  readonly requestId: string;
  /** When the caller stops waiting, on `performance.now()`'s clock. */
  readonly deadlineAtMs: number;
  /** Reports a failure that the answer only mentions, such as that of one item of a batch. */
  reportFailure(error: unknown): void;
}
