// Owns randomness: ids of the kernel's own, and salts. Ids are time-ordered (UUIDv7), which keeps the database's indexes
// small (docs/architecture.md, "Reads").

import { randomBytes } from 'node:crypto';
import { v7 as newUuid } from 'uuid';
import type { AccessTokenIdSource } from './app/access/ports.ts';
import type { AlertIdSource } from './app/alert/ports.ts';
import type { AuditIdSource } from './app/operator/ports.ts';
import type { TopUpIdSource } from './app/payment/ports.ts';
import type { UserIdSource } from './app/people/ports.ts';
import type { IdSource } from './app/ports.ts';
import type { PromotionIdSource } from './app/promotion/ports.ts';
import type { SignupIdSource } from './app/signup/ports.ts';
import type { IntentIdSource } from './app/subscription/ports.ts';
import type { TenantIdSource } from './app/tenant/ports.ts';
import type {
  AccessTokenId,
  CommitId,
  GrantId,
  InvitationId,
  ProjectId,
  PromotionId,
  SignupId,
  TenantId,
  TopUpId,
  UserId,
} from './domain/id.ts';

const SALT_BYTES = 16;
const SECRET_BYTES = 32;

/** Draws ids and salts from the system's randomness. */
export const RANDOM_ID_SOURCE: IdSource &
  TenantIdSource &
  UserIdSource &
  AuditIdSource &
  AccessTokenIdSource &
  SignupIdSource &
  IntentIdSource &
  TopUpIdSource &
  PromotionIdSource &
  AlertIdSource = {
  // The store keeps a commit id as the 16 bytes of a UUID, so it has no prefix.
  commitId: () => newUuid() as CommitId,
  grantId: () => `grt_${newUuid()}` as GrantId,
  tenantId: () => `ten_${newUuid()}` as TenantId,
  userId: () => `usr_${newUuid()}` as UserId,
  invitationId: () => `inv_${newUuid()}` as InvitationId,
  projectId: () => `prj_${newUuid()}` as ProjectId,
  workspaceRecordId: () => `wrk_${newUuid()}`,
  auditRecordId: () => `aud_${newUuid()}`,
  accessTokenId: () => `pat_${newUuid()}` as AccessTokenId,
  signupId: () => `sgn_${newUuid()}` as SignupId,
  endpointId: () => `whe_${newUuid()}`,
  intentId: () => `int_${newUuid()}`,
  topUpId: () => `pay_${newUuid()}` as TopUpId,
  promotionId: () => `prm_${newUuid()}` as PromotionId,
  claimId: () => newUuid(),
  randomBytes: (count) => randomBytes(count),
  secret: () => randomBytes(SECRET_BYTES).toString('base64url'),
  salt: () => randomBytes(SALT_BYTES).toString('base64url'),
};
