// Owns the translation of debits: on their way in, and of what one debit of a batch came to on the way out.

import { ErrorReason } from '../../../gen/wheelhouse/common/v1/error_reason.ts';
import { RunStatus as RunStatusMessage } from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import { FundsRemedy as FundsRemedyMessage } from '../../../gen/wheelhouse/ledger/v1/funds_remedy.ts';
import type {
  BatchDebitResult,
  CheckFundsRequest,
  CheckFundsResponse,
  DebitRequest,
  DebitResponse,
} from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { DebitInput, FundsQuery, FundsReading, Posting } from '../../app/ledger/ledger.ts';
import type { FundsRemedy } from '../../domain/credit-gate.ts';
import { type DomainError, invalidField } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { RunStatus } from '../../domain/usage-context.ts';
import { CODE_BY_REASON } from '../status.ts';
import { fromProtoRunStatus } from './charge.ts';
import { toProtoEntry } from './entry.ts';
import { FieldCheck, ID_LENGTH_MAX, quote } from './field-check.ts';
import type { TenantWrite } from './operator.ts';

/** How many debits one batch may have. */
const BATCH_DEBITS_MAX = 1_000;
const DIMENSIONS_MAX = 16;
const DIMENSION_NAME = /^[a-z][a-z0-9_.]{0,63}$/;
const DIMENSION_VALUE_LENGTH_MAX = 256;

const REMEDIES: Readonly<Record<FundsRemedy, FundsRemedyMessage>> = {
  pay_invoice: FundsRemedyMessage.PAY_INVOICE,
  await_renewal: FundsRemedyMessage.AWAIT_RENEWAL,
  start_trial: FundsRemedyMessage.START_TRIAL,
  top_up: FundsRemedyMessage.TOP_UP,
  upgrade: FundsRemedyMessage.UPGRADE,
  contact_sales: FundsRemedyMessage.CONTACT_SALES,
};

/**
 * Checks one debit. Throws DomainError INVALID_FIELD.
 * @param prefix Is the path of the debit within its request, such as `debits[3].`.
 */
export function fromProtoDebit(request: DebitRequest, prefix = ''): TenantWrite<DebitInput> {
  const check = new FieldCheck(prefix);
  const requestId = check.requestId(request.requestId);
  const tenantId = check.tenantId(request.tenantId);
  // Properties are added one by one: this is the hot path, and most debits have few of them.
  const input: { -readonly [Name in keyof DebitInput]: DebitInput[Name] } = {
    action: check.id('action', request.action, true),
    quantity: check.quantity(request.quantity),
    alreadyPerformed: request.alreadyPerformed,
  };
  if (request.projectId !== '') input.projectId = check.id('project_id', request.projectId, false);
  if (request.workflowId !== '') input.workflowId = check.id('workflow_id', request.workflowId, false);
  if (request.runId !== '') input.runId = check.id('run_id', request.runId, false);
  if (request.runStatus !== RunStatusMessage.UNSPECIFIED) {
    const runStatus = checkRunStatus(check, request.runStatus);
    if (request.runId === '') check.refuse('run_status', 'needs run_id');
    if (runStatus !== undefined) input.runStatus = runStatus;
  }
  if (request.dimensions.size > 0) input.dimensions = checkDimensions(check, request.dimensions);
  check.assertValid();
  return { requestId, tenantId, input };
}

/** Checks how a run ended. */
export function checkRunStatus(check: FieldCheck, runStatus: number): RunStatus | undefined {
  const known = fromProtoRunStatus(runStatus);
  if (known === undefined) check.refuse('run_status', `is not a known status, got ${runStatus}`);
  return known;
}

/** Checks what else a caller wants to be recorded. */
export function checkDimensions(
  check: FieldCheck,
  dimensions: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  if (dimensions.size > DIMENSIONS_MAX) {
    check.refuse('dimensions', `must be at most ${DIMENSIONS_MAX}, got ${dimensions.size}`);
    return {};
  }
  for (const [name, value] of dimensions) {
    const field = `dimensions[${quote(name)}]`;
    if (!DIMENSION_NAME.test(name)) {
      check.refuse(field, 'must have a name of 1 to 64 characters of a-z 0-9 _ . that begins with a letter');
    } else {
      check.text(field, value, { required: true, lengthMax: DIMENSION_VALUE_LENGTH_MAX });
    }
  }
  return Object.fromEntries(dimensions);
}

/** Checks how many debits a batch has. Throws DomainError INVALID_FIELD `debits`. */
export function assertBatchSize(count: number): void {
  if (count >= 1 && count <= BATCH_DEBITS_MAX) return;
  throw invalidField({ field: 'debits', description: `must be 1 to ${BATCH_DEBITS_MAX} debits, got ${count}` });
}

/** Checks a question about funds. Throws DomainError INVALID_FIELD. */
export function fromProtoCheckFunds(request: CheckFundsRequest): {
  readonly tenantId: TenantId;
  readonly query: FundsQuery;
} {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  const query = checkFundsQuery(check, request);
  check.assertValid();
  return { tenantId, query };
}

function checkFundsQuery(check: FieldCheck, { action, quantity, microcredits }: CheckFundsRequest): FundsQuery {
  const asksUsage = action !== '' || quantity !== '';
  if (microcredits !== undefined) {
    if (asksUsage) check.refuse('microcredits', 'must be left out where action and quantity are set');
    return { kind: 'amount', microcredits: check.amount('microcredits', microcredits) };
  }
  if (!asksUsage) return { kind: 'any' };
  const checked = check.text('action', action, { required: true, lengthMax: ID_LENGTH_MAX });
  return { kind: 'usage', action: checked, quantity: check.quantity(quantity) };
}

export function toProtoCheckFunds(reading: FundsReading): CheckFundsResponse {
  return {
    allowed: reading.allowed,
    neededMicrocredits: reading.needed,
    availableMicrocredits: reading.available,
    overdraftRemainingMicrocredits: reading.overdraftRemaining,
    shortfallMicrocredits: reading.shortfall,
    reason: reading.reason === undefined ? ErrorReason.UNSPECIFIED : ErrorReason[reading.reason],
    remedies: reading.remedies.map((remedy) => REMEDIES[remedy]),
  };
}

export function toProtoDebitResponse({ posted, replayed }: Posting): DebitResponse {
  return { entry: toProtoEntry(posted), replayed };
}

/** Translates what went wrong with one debit of a batch. */
export function toProtoDebitError({ reason, message, metadata }: DomainError): BatchDebitResult {
  const value = {
    code: CODE_BY_REASON[reason],
    reason: ErrorReason[reason],
    message,
    metadata: new Map(Object.entries(metadata)),
  };
  return { outcome: { $case: 'error', value } };
}
