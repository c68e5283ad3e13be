// Owns randomness: ids of the kernel's own, and salts. Ids are time-ordered (UUIDv7), which keeps the database's indexes
// small (docs/architecture.md, "Reads").

import { randomBytes } from 'node:crypto';
import { v7 as newUuid } from 'uuid';
import type { AuditIdSource } from './app/operator/ports.ts';
import type { IdSource } from './app/ports.ts';
import type { TenantIdSource } from './app/tenant/ports.ts';
import type { CommitId, GrantId, TenantId } from './domain/id.ts';

const SALT_BYTES = 16;

/** Draws ids and salts from the system's randomness. */
export const RANDOM_ID_SOURCE: IdSource & TenantIdSource & AuditIdSource = {
  // The store keeps a commit id as the 16 bytes of a UUID, so it has no prefix.
  commitId: () => newUuid() as CommitId,
  grantId: () => `grt_${newUuid()}` as GrantId,
  tenantId: () => `ten_${newUuid()}` as TenantId,
  auditRecordId: () => `aud_${newUuid()}`,
  salt: () => randomBytes(SALT_BYTES).toString('base64url'),
};
