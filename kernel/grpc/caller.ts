// Owns who a call comes from, as the handlers see it.

import type { TenantVisibility } from '../app/tenant/tenant-directory.ts';
import type { ProductCode } from '../domain/id.ts';

/** A person's request that a BFF passes on. */
export interface BffCaller {
  readonly scope: 'bff';
  /** Namespaces request ids: two people of one BFF never meet in one id. No colon. */
  readonly callerScope: string;
  readonly productCode: ProductCode;
  readonly visibility: TenantVisibility;
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
}

/** Who makes a call. */
export type Caller = BffCaller | InternalCaller | SysadminCaller;

/** What a handler knows of a call beside its request. */
export interface CallContext {
  readonly caller: Caller;
  /** When the caller stops waiting, on `performance.now()`'s clock. */
  readonly deadlineAtMs: number;
  /** Reports a failure that the answer only mentions, such as that of one item of a batch. */
  reportFailure(error: unknown): void;
}
