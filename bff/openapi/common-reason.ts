// Owns the reasons for which any route of a kind can be refused, so that a route names only what is its own.
// Does not own how a reason looks (problem.ts), or what a route's own reasons are (routes/).

import type { ProblemReason } from '../problem.ts';
import type { Route } from '../routes/route.ts';

const ANY: readonly ProblemReason[] = [
  'INVALID_FIELD',
  'REQUEST_TIMEOUT',
  'REQUEST_TOO_LARGE',
  'REQUEST_HEADER_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'QUEUE_FULL',
  'RATE_LIMITED',
  'INTERNAL',
  'KERNEL_UNAVAILABLE',
  'DATABASE_UNAVAILABLE',
  'SHUTTING_DOWN',
  'DEADLINE_EXCEEDED',
];
const OF_ACCOUNTS: readonly ProblemReason[] = ['LEDGER_CORRUPT', 'HEAD_FROM_FUTURE', 'STATE_VERSION_UNSUPPORTED'];
const SIGNED_IN: readonly ProblemReason[] = ['CREDENTIAL_INVALID', 'ISSUER_UNAVAILABLE'];
const WRITES: readonly ProblemReason[] = ['OUTCOME_UNKNOWN', 'CLOCK_UNCERTAIN'];
const WRITES_OF_WORKSPACES: readonly ProblemReason[] = ['TENANT_SUSPENDED', 'TENANT_CLOSED'];

/** Lists all reasons for which a route can be refused. */
export function reasonsOf(route: Route): readonly ProblemReason[] {
  const writes = route.method !== 'GET';
  const isAboutWorkspace = route.workspace !== 'none';
  const reasons = [
    ...ANY,
    ...(route.needs === 'nothing' ? [] : SIGNED_IN),
    ...(route.needs !== 'nothing' && writes ? (['CSRF_TOKEN_INVALID'] as const) : []),
    ...(isRole(route) ? (['ROLE_REQUIRED'] as const) : []),
    ...(route.isPersonal === true ? (['SCOPE_DENIED'] as const) : []),
    ...(isAboutWorkspace ? [...OF_ACCOUNTS, 'TENANT_NOT_FOUND' as const, 'ACCOUNT_NOT_OPEN' as const] : []),
    ...(route.workspace === 'required' ? (['WORKSPACE_REQUIRED'] as const) : []),
    ...(writes ? WRITES : []),
    ...(writes && (route.repeat ?? 'by_key') === 'by_key' ? (['IDEMPOTENCY_KEY_REUSED'] as const) : []),
    ...(writes && isAboutWorkspace ? WRITES_OF_WORKSPACES : []),
    ...route.reasons,
  ];
  return [...new Set<ProblemReason>(reasons)].sort();
}

function isRole({ needs }: Route): boolean {
  return needs !== 'nothing' && needs !== 'sign_in' && needs !== 'membership';
}
