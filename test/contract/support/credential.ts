// The callers of contract tests: one credential of each scope, as a kernel knows them and as a caller presents them.

import { createHash, randomBytes } from 'node:crypto';
import type { ProductCode } from '../../../kernel/domain/id.ts';
import type { Credential } from '../../../kernel/grpc/interceptors/authentication.ts';

/** Tokens by what they are for, and the credentials that a kernel knows them by. */
export interface TestCredentials {
  readonly tokens: {
    readonly internal: string;
    /** An internal service that may check funds and nothing else. */
    readonly checker: string;
    readonly sysadmin: string;
    readonly agentruntime: string;
    readonly otherproduct: string;
  };
  readonly known: readonly Credential[];
}

/** Makes new credentials. */
export function createTestCredentials(): TestCredentials {
  const tokens = {
    internal: newToken(),
    checker: newToken(),
    sysadmin: newToken(),
    agentruntime: newToken(),
    otherproduct: newToken(),
  };
  const known: Credential[] = [
    { name: 'workflow-engine', scope: 'internal', tokenDigest: digest(tokens.internal) },
    {
      name: 'checker',
      scope: 'internal',
      tokenDigest: digest(tokens.checker),
      methods: new Set(['LedgerService/CheckFunds']),
    },
    { name: 'operator', scope: 'sysadmin', tokenDigest: digest(tokens.sysadmin) },
    bff('agentruntime', tokens.agentruntime),
    bff('otherproduct', tokens.otherproduct),
  ];
  return { tokens, known };
}

function bff(productCode: string, token: string): Credential {
  return {
    name: `bff-${productCode}`,
    scope: 'bff',
    productCode: productCode as ProductCode,
    tokenDigest: digest(token),
  };
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
