// Owns the types that keep one kind of id from being taken for another. An id is opaque; its prefix names its kind.

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TenantId = Branded<'TenantId'>;
export type GrantId = Branded<'GrantId'>;
export type EntryId = Branded<'EntryId'>;
export type HoldId = Branded<'HoldId'>;
export type CommitId = Branded<'CommitId'>;
export type UserId = Branded<'UserId'>;
export type ProjectId = Branded<'ProjectId'>;
export type InvitationId = Branded<'InvitationId'>;
export type AccessTokenId = Branded<'AccessTokenId'>;
export type SignupId = Branded<'SignupId'>;
export type TopUpId = Branded<'TopUpId'>;
export type PromotionId = Branded<'PromotionId'>;
export type ProductCode = Branded<'ProductCode'>;
export type PlanCode = Branded<'PlanCode'>;
/** A namespaced key that makes one effect happen once within a tenant. */
export type IdempotencyKey = Branded<'IdempotencyKey'>;
/** A versioned digest of what a request means; two requests with the same key must agree in it. */
export type Fingerprint = Branded<'Fingerprint'>;

/** A point in time: whole milliseconds since 1970-01-01T00:00Z, by the database's clock. */
export type Instant = number;
