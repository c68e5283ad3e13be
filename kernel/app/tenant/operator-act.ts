// Owns noting in the operators' audit log what an operator does to a workspace. Does not own the workspace's own log, where it
// stands as well.

import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { Act, ActIdentity } from './workspace-desk.ts';

/** What an operator says beside what is to be done. */
export interface OperatorAct {
  readonly callerScope: string;
  readonly actor: string;
  readonly reason: string;
  readonly identity: ActIdentity;
}

/** Notes what an operator is about to do; nothing where none does. Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN. */
export async function noteWorkspaceWrite(
  notebook: Pick<AuditNotebook, 'note'>,
  tenantId: TenantId,
  { method, remoteAddress }: Pick<Act, 'method' | 'remoteAddress'>,
  operator: OperatorAct | undefined,
  figures: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  if (operator === undefined) return;
  const { callerScope, actor, reason, identity } = operator;
  await notebook.note({
    ...{ method, callerScope, actor, reason, tenantId, figures },
    requestId: identity.requestId,
    requestKey: identity.key,
    fingerprint: identity.fingerprint,
    ...present({ remoteAddress }),
    evidence: 'workspace_record',
  });
}
