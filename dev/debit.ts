/**
 * Owns: `npm run demo:debit`: charging usage to a demo workspace as an internal service would, and showing who paid.
 * Does not own: the rules; it makes one gRPC call.
 */
import { styleText } from 'node:util';
import { Command } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { Bucket } from '../gen/wheelhouse/common/v1/bucket.ts';
import type { Entry } from '../gen/wheelhouse/ledger/v1/entry.ts';
import { DebitRequest, LedgerServiceService } from '../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { type DevFile, loadDevFile } from './dev-file.ts';
import { createKernelClient, explainKernelError } from './kernel-client.ts';
import { DEMO_PRODUCTS } from './product.ts';
import { resolveHome } from './stack-config.ts';
import { StackError } from './stack-error.ts';

const MICROCREDITS_PER_CREDIT = 1_000_000n;
const FRACTION_DIGITS = 6;

interface DebitOptions {
  readonly product: string;
  readonly action: string;
  readonly quantity: string;
  readonly requestId: string;
}

function formatCredits(microcredits: bigint): string {
  const sign = microcredits < 0n ? '-' : '';
  const amount = microcredits < 0n ? -microcredits : microcredits;
  const fraction = String(amount % MICROCREDITS_PER_CREDIT)
    .padStart(FRACTION_DIGITS, '0')
    .replace(/0+$/, '');
  return `${sign}${amount / MICROCREDITS_PER_CREDIT}${fraction === '' ? '' : `.${fraction}`}`;
}

function nameBucket(bucket: Bucket): string {
  return Object.entries(Bucket).find(([, value]) => value === bucket)?.[0] ?? String(bucket);
}

function describeEntry(entry: Entry, replayed: boolean): string {
  if (entry.detail?.$case !== 'debit')
    throw new StackError(`The kernel answered with entry ${entry.entryId}, no debit.`);
  const debit = entry.detail.value;
  const after = entry.balanceAfter;
  const lines = [
    `Charged ${formatCredits(debit.costMicrocredits)} credits for ${debit.quantity} × ${debit.action} (${entry.entryId}).`,
    ...debit.draws.map(
      (draw) => `  ${formatCredits(draw.microcredits)} from ${nameBucket(draw.bucket)} (${draw.grantId})`,
    ),
  ];
  if (after !== undefined) {
    const { trialRemainingMicrocredits, includedRemainingMicrocredits, paygRemainingMicrocredits } = after;
    const buckets = [
      `trial ${formatCredits(trialRemainingMicrocredits)}`,
      `included ${formatCredits(includedRemainingMicrocredits)}`,
      `payg ${formatCredits(paygRemainingMicrocredits)}`,
    ];
    lines.push(`Left: ${buckets.join(', ')}; available ${formatCredits(after.availableMicrocredits)}.`);
  }
  if (replayed) lines.push('This request id was charged before: nothing was charged again.');
  return lines.join('\n');
}

function describeGrpcurl(dev: DevFile, request: DebitRequest): string {
  const body = JSON.stringify({
    request_id: request.requestId,
    tenant_id: request.tenantId,
    action: request.action,
    quantity: request.quantity,
  });
  return (
    `grpcurl -plaintext -H 'authorization: Bearer ${dev.kernel.tokens.internal}' \\\n` +
    `  -d '${body}' \\\n  ${dev.kernel.grpc} wheelhouse.ledger.v1.LedgerService/Debit`
  );
}

async function debit(options: DebitOptions): Promise<void> {
  const dev = await loadDevFile(resolveHome(process.env));
  const product = dev.products[options.product];
  if (product === undefined) {
    const names = Object.keys(dev.products).join(', ');
    throw new StackError(`No product ${options.product} runs here: choose one of ${names}.`);
  }
  const request = DebitRequest.fromPartial({
    requestId: options.requestId,
    tenantId: product.tenant_id,
    action: options.action,
    quantity: options.quantity,
  });
  const kernel = createKernelClient(dev.kernel.grpc, dev.kernel.tokens.internal);
  try {
    const { entry, replayed } = await kernel.call(LedgerServiceService.debit, request);
    if (entry === undefined) throw new StackError('The kernel answered without an entry.');
    console.log(describeEntry(entry, replayed));
    console.log(
      styleText('dim', `\nThe same call again with grpcurl, which replays it:\n${describeGrpcurl(dev, request)}`),
    );
  } finally {
    kernel.close();
  }
}

const command = new Command('npm run demo:debit --')
  .description('Charges usage to a demo workspace over gRPC, as an internal service would.')
  .option('--product <code>', 'the product whose demo workspace is charged', DEMO_PRODUCTS[0]?.code)
  .option('--action <name>', 'the metered action', 'workflow.step.execute')
  .option('--quantity <decimal>', 'how much of it was used', '1')
  .option('--request-id <id>', 'the idempotency key; give the same one twice to see a replay', uuidv7())
  .action(debit);

try {
  await command.parseAsync();
} catch (error) {
  console.error(`The debit failed: ${explainKernelError(error)}`);
  process.exitCode = 1;
}
