// Owns a client that gives one account as much to do as it can take: more debits in flight than a commit carries, without end. It is a
// program of its own, so that what it does is not done by whoever measures.
// Takes the kernel's address, a credential and a tenant as its arguments; says `{"msg":"saturated"}` when it is at it, and ends on
// SIGTERM or when its parent goes.

import { createKernelClient } from '../../dev/kernel-client.ts';
import { createUnaryDebits } from './workload/debit.ts';

const IN_FLIGHT = 512;
const ANSWERS_BEFORE_READY = 2_000;

const [, , grpc = '', token = '', tenantId = ''] = process.argv;
const client = createKernelClient(grpc, token);
const { call } = createUnaryDebits('saturation', [{ client, tenantId }], IN_FLIGHT);
let answers = 0;

async function keepOneInFlight(): Promise<never> {
  for (;;) {
    // A refusal of what is too much is an answer as good as any here.
    await call(answers).catch(() => undefined);
    answers += 1;
    if (answers === ANSWERS_BEFORE_READY) console.log(JSON.stringify({ msg: 'saturated' }));
  }
}

process.once('SIGTERM', () => process.exit(0));
await Promise.all(Array.from({ length: IN_FLIGHT }, keepOneInFlight));
