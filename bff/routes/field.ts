// Owns the schemas of fields and parameters that several routes have.

import { defineBody } from '../body.ts';
import { RETURN_PATH_LENGTH_MAX, RETURN_PATH_PATTERN } from '../browser-session/return-path.ts';
import { PROJECT_ROLE_NAMES, type ProjectRoleJson } from '../convert-people.ts';
import { IDEMPOTENCY_KEY_EXPECTED, IDEMPOTENCY_KEY_PATTERN } from '../request-field.ts';
import type { Schema } from '../schema.ts';

/** Why a code is not taken, wherever one is sent. */
export const CODE_REASONS = [
  'PROMOTION_ALREADY_REDEEMED',
  'PROMOTION_ATTEMPTS_EXCEEDED',
  'PROMOTION_ENDED',
  'PROMOTION_EXHAUSTED',
  'PROMOTION_NOT_APPLICABLE',
  'PROMOTION_NOT_FOUND',
] as const;

/** A name that people see: the kernel says which characters it may have. */
export const DISPLAY_NAME = {
  type: 'string',
  minLength: 1,
  maxLength: 100,
  examples: ['Research'],
  description: '1 to 100 characters',
} as const;

/** An email address: no Kelvin sign, which in lower case is the k of another address. */
export const EMAIL = {
  type: 'string',
  pattern: '^[^\\s@<>"(),:;\\[\\]\\\\\\u212a]+@[^\\s@<>"(),:;\\[\\]\\\\\\u212a]+$',
  maxLength: 254,
  examples: ['ada@example.com'],
  description: 'an email address, at most 254 characters',
} as const;

/** An id in a body. */
export const ID = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{1,128}$',
  description: 'an id, 1 to 128 letters, digits, hyphens and underscores',
} as const;

/** The code of a plan. */
export const PLAN_CODE = {
  type: 'string',
  pattern: '^[A-Za-z0-9._:-]{1,128}$',
  examples: ['pro'],
  description: 'the code of a plan, see GET /v1/billing/plans',
} as const;

/** A promotion code: the kernel says which there are. */
export const PROMOTION_CODE = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{3,64}$',
  examples: ['WELCOME-20'],
  description: 'a promotion code, 3 to 64 letters, digits, underscores and hyphens, in any case',
} as const;

/** The key of a request, in a body that has one: the header says the same, or nothing. */
export const IDEMPOTENCY_KEY = {
  type: 'string',
  pattern: IDEMPOTENCY_KEY_PATTERN.source,
  examples: ['order-1'],
  description: IDEMPOTENCY_KEY_EXPECTED,
} as const;

/** A type of billing events: the kernel says which there are. */
export const EVENT_TYPE = {
  type: 'string',
  pattern: '^[a-z_.]{1,64}$',
  examples: ['balance.low'],
  description: 'a type of billing events such as balance.low',
} as const;

/** The path of the Console that a page elsewhere leads back to. */
export const RETURN_PATH = {
  type: 'string',
  maxLength: RETURN_PATH_LENGTH_MAX,
  pattern: RETURN_PATH_PATTERN.source,
  examples: ['/billing'],
  description: `a path of the Console such as /billing, at most ${RETURN_PATH_LENGTH_MAX} characters`,
} as const;

/** A whole amount above zero, as far as a number of JSON is exact. */
export const AMOUNT = {
  type: 'integer',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  examples: [1_000],
  description: `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`,
} as const;

/** The code of a currency: the kernel says which there are. */
export const CURRENCY = {
  type: 'string',
  pattern: '^[A-Za-z]{3}$',
  examples: ['usd'],
  description: 'the ISO 4217 code of a currency, such as usd',
} as const;

/** Yes or no, in a body. */
export const YES_OR_NO = { type: 'boolean', description: 'true or false' } as const;

/** The body of what is done by the token of a mail. */
export const MAIL_TOKEN_BODY = defineBody<{ token: string }>({
  type: 'object',
  properties: {
    token: { type: 'string', pattern: '^[\\x21-\\x7e]{1,512}$', description: 'the token of the mail' },
  },
  required: ['token'],
  additionalProperties: false,
});

/** A parameter that says yes or no. */
export const FLAG = { type: 'string', nullable: true, enum: ['true', 'false'], description: 'true or false' } as const;

/** Is how many projects a member can have a role in by one request. */
const PROJECT_ROLES_MAX = 1_000;

/** Roles in projects. */
export const PROJECT_ROLES = {
  type: 'array',
  maxItems: PROJECT_ROLES_MAX,
  items: {
    type: 'object',
    properties: {
      project_id: ID,
      role: { type: 'string', enum: PROJECT_ROLE_NAMES, description: `one of ${PROJECT_ROLE_NAMES.join(', ')}` },
    },
    required: ['project_id', 'role'],
    additionalProperties: false,
    description: 'an object with project_id and role',
  },
  description: `a list of at most ${PROJECT_ROLES_MAX} objects with project_id and role`,
} as const satisfies Schema<ProjectRoleJson[]>;
