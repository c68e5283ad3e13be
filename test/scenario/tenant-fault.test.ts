// A kernel process is killed between any two steps of making a workspace. Another kernel makes it whole, by itself or when its
// request is sent again: one workspace, one account, one trial, one place of it, one record, and never a second of any.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKernelClient } from '../../dev/kernel-client.ts';
import { TrialStatus } from '../../gen/wheelhouse/subscription/v1/trial.ts';
import { TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { type Callers, callersOf } from '../contract/support/account.ts';
import {
  type Connection,
  type KernelFixture,
  newRequestId,
  openKernel,
  openSeededDatabase,
} from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses, runKernel, writeCredentials } from '../contract/support/kernel-process.ts';
import { callsOf, type Somebody, stranger } from '../contract/support/people.ts';
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts';

const BFF_TOKEN = 'bff-token';
/** The same name as in every kernel of tests: the request ids of a person are those of a person behind this BFF. */
const BFF_NAME = 'bff-agentruntime';

/** What a workspace is made of, as it stands in the database. */
interface Parts {
  readonly users: number;
  readonly tenants: number;
  readonly commits: number;
  /** Places of the person's trials: claimed, or kept for good. */
  readonly slots: readonly ('claimed' | 'kept')[];
  readonly records: number;
  readonly isUnfinished: boolean;
}

const NOTHING: Parts = { users: 0, tenants: 0, commits: 0, slots: [], records: 0, isUnfinished: false };
const WHOLE: Parts = { users: 1, tenants: 1, commits: 2, slots: ['kept'], records: 1, isUnfinished: false };
const BEGUN: Parts = { ...NOTHING, users: 1, tenants: 1, isUnfinished: true };

/**
 * Before which command to the database the kernel dies, and what stands there then. Where there are two, the request is sent
 * again while the first one hangs, and gets further. Those that hold the ledger's own writes come last: it makes few at once.
 */
const STEPS: readonly {
  readonly before: string;
  readonly holds: readonly (readonly [command: string, collection: string])[];
  readonly left: Parts;
}[] = [
  { before: 'the person', holds: [['insert', 'users']], left: NOTHING },
  { before: 'the row', holds: [['insert', 'tenants']], left: { ...NOTHING, users: 1 } },
  { before: 'the place of the trial', holds: [['insert', 'trial_slots']], left: { ...BEGUN, commits: 1 } },
  {
    before: 'the place is kept for good',
    holds: [['update', 'trial_slots']],
    left: { ...BEGUN, commits: 2, slots: ['claimed'] },
  },
  { before: 'the record', holds: [['insert', 'workspace_records']], left: { ...BEGUN, commits: 2, slots: ['kept'] } },
  { before: 'the row is whole', holds: [['update', 'tenants']], left: { ...WHOLE, isUnfinished: true } },
  {
    before: 'the trial',
    holds: [
      ['insert', 'trial_slots'],
      ['insert', 'ledger_commits'],
    ],
    left: { ...BEGUN, commits: 1, slots: ['claimed'] },
  },
  { before: 'the account', holds: [['insert', 'ledger_commits']], left: BEGUN },
];

/** A workspace that somebody asked for when the kernel died. */
interface Wanted {
  readonly before: string;
  readonly left: Parts;
  readonly person: Somebody;
  readonly request: { readonly requestId: string; readonly displayName: string; readonly slug: string };
}

/** What a killed kernel has left, and the kernel that comes after it. */
interface Aftermath {
  readonly connection: Connection;
  readonly wanted: readonly Wanted[];
  readonly found: readonly Parts[];
  /** Starts the next kernel. */
  openNext(): Promise<KernelFixture>;
  close(): Promise<void>;
}

afterAll(cleanUpProcesses);

/** Has a kernel begin every workspace, up to one step of it, and kills it. */
async function killAmidAll(): Promise<Aftermath> {
  const { mongodbUri, connection } = await openSeededDatabase();
  const proxy = await startHoldingProxy(mongodbUri);
  const wanted = STEPS.map(
    ({ before, left }, index): Wanted => ({
      ...{ before, left, person: stranger('founder') },
      request: { requestId: newRequestId(), displayName: `Workspace ${index}`, slug: `workspace-${index}` },
    }),
  );
  await beginAll(proxy, wanted);
  const found: Parts[] = [];
  for (const each of wanted) found.push(await lookAt(connection, each));
  let next: KernelFixture | undefined;
  return {
    ...{ connection, wanted, found },
    openNext: async () => {
      next = await openKernel({ mongodbUri });
      return next;
    },
    close: async () => {
      await next?.close();
      await proxy.stop();
      await connection.dropDatabase();
      await connection.close();
    },
  };
}

async function beginAll(proxy: HoldingProxy, wanted: readonly Wanted[]): Promise<void> {
  const digest = createHash('sha256').update(BFF_TOKEN).digest('hex');
  const credential = { name: BFF_NAME, scope: 'bff', product_code: 'agentruntime', token_sha256: digest };
  const doomed = runKernel({
    ...{ MONGODB_URI: proxy.uri, LOG_LEVEL: 'debug', GRPC_ADDRESS: '127.0.0.1:0', HTTP_ADDRESS: '127.0.0.1:0' },
    KERNEL_CREDENTIALS_FILE: writeCredentials(JSON.stringify({ credentials: [credential] })),
  });
  const { grpc } = await doomed.listening();
  const client = createKernelClient(grpc, BFF_TOKEN);
  const begun: Promise<unknown>[] = [];
  for (const [index, { holds }] of STEPS.entries()) {
    const each = wanted[index];
    if (each === undefined) throw new RangeError(`there is no workspace for step ${index}`);
    for (const [command, collection] of holds) {
      const held = proxy.holdNext(command, collection);
      begun.push(callsOf({ bff: client, otherBff: client }, each.person).createTenant(each.request));
      await held;
    }
  }
  const outcomes = Promise.allSettled(begun);
  doomed.child.kill('SIGKILL');
  await doomed.ended;
  expect((await outcomes).map(({ status }) => status)).toEqual(begun.map(() => 'rejected'));
  client.close();
}

/** Looks at all that is stored for a workspace that somebody asked for. */
async function lookAt(connection: Connection, { person, request }: Wanted): Promise<Parts> {
  const rowsOf = (name: string, filter: object) => connection.collection(name).find(filter).toArray();
  const users = await rowsOf('users', { subject: person.subject });
  const all = await rowsOf('tenants', {});
  const tenants = all.filter((row) => String(row['request_key']).endsWith(request.requestId));
  const tenantIds = { $in: tenants.map((row) => row['tenant_id']) };
  const slots = await rowsOf('trial_slots', { tenant_id: tenantIds });
  return {
    users: users.length,
    tenants: tenants.length,
    commits: (await rowsOf('ledger_commits', { tenant_id: tenantIds })).length,
    slots: slots.map((slot) => (slot['claimed_until'] === undefined ? 'kept' : 'claimed')),
    records: (await rowsOf('workspace_records', { tenant_id: tenantIds })).length,
    isUnfinished: tenants.some((row) => row['unfinished'] === true),
  };
}

/** What the next kernel answers of a workspace, all of whose parts must be there once. */
async function expectWhole({ connection }: Aftermath, callers: Callers, wanted: Wanted, tenantId = ''): Promise<void> {
  expect([wanted.before, await lookAt(connection, wanted)]).toEqual([wanted.before, WHOLE]);
  const { trial } = await callers.internal.call(TrialServiceService.getTrial, { tenantId });
  expect(trial).toMatchObject({ planCode: 'pro', status: TrialStatus.ACTIVE });
  const calls = callsOf(callers, { ...wanted.person, tenantId });
  expect((await calls.listMembers()).members).toMatchObject([{ tenantAdmin: true, owner: true }]);
  expect((await calls.records()).records).toMatchObject([{ method: 'TenantService/CreateTenant' }]);
}

describe.each(['by itself', 'when its request is sent again'] as const)(
  'a kernel that comes after makes it whole %s',
  (how) => {
    let after: Aftermath;
    let callers: Callers;

    beforeAll(async () => {
      after = await killAmidAll();
      if (how === 'by itself') {
        // What is unfinished must have some age before somebody else than its request finishes it.
        await after.connection
          .collection<{ _id: string; offset_ms: number }>('clock')
          .updateOne({ _id: 'offset' }, { $set: { offset_ms: 60_000 } }, { upsert: true });
      }
      callers = callersOf(await after.openNext());
    });
    afterAll(() => after.close());

    test('where each stood as far as the killed one had come', () => {
      expect(after.wanted.map(({ before }, index) => [before, after.found[index]])).toEqual(
        STEPS.map(({ before, left }) => [before, left]),
      );
    });

    if (how === 'by itself') {
      test('each that has a row, and makes none of what has none', async () => {
        const withRow = after.wanted.filter(({ left }) => left.tenants === 1);
        const parts = async () =>
          Promise.all(withRow.map(async (each) => [each.before, await lookAt(after.connection, each)]));
        await expect.poll(parts, { interval: 500 }).toEqual(withRow.map(({ before }) => [before, WHOLE]));
        for (const each of after.wanted.filter(({ left }) => left.tenants === 0)) {
          expect([each.before, await lookAt(after.connection, each)]).toEqual([each.before, each.left]);
        }
      });
    }

    test('each once, however often it is asked for, and its slug is its own', async () => {
      for (const each of after.wanted) {
        const calls = callsOf(callers, each.person);
        const answers = await Promise.all(Array.from({ length: 5 }, () => calls.createTenant(each.request)));
        const [first] = answers;
        expect(new Set(answers.map(({ tenant }) => tenant?.tenantId)).size).toBe(1);
        expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(each.left.tenants === 1 ? 0 : 1);
        expect(first?.tenant).toMatchObject({ slug: each.request.slug, displayName: each.request.displayName });
        await expectWhole(after, callers, each, first?.tenant?.tenantId);
      }
      const slug = after.wanted[0]?.request.slug ?? '';
      await expect(callsOf(callers, stranger()).createTenant({ slug })).rejects.toThrow(/another workspace/);
    });
  },
);
