// What a real replica set of three does to callers when its primary steps down, and when it dies with writes that no majority
// has. It needs mongod on PATH and is skipped without.

import { setTimeout as delay } from 'node:timers/promises';
import { MongoMemoryReplSet } from 'mongodb-memory-server-core';
import { createConnection } from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findOnPath } from '../../dev/engine/program-search.ts';
import { createFundedTenant, driveDebits, expectEachOnce } from '../support/debit-driver.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const FUNDS = 1_000_000n;
const MEMBERS = 3;
const LANES = 16;
const STEP_DOWN_S = 5;
/** An election after a death takes the set's timeout of 10 s, and the kernels a little to find the new primary. */
const ELECTION_MS = 15_000;
const MOVEMENTS = 3;

describe('a replica set of three', () => {
  let mongod: string | undefined;
  let members: MongoMemoryReplSet | undefined;
  let stack: TestStack | undefined;

  beforeAll(async () => {
    mongod = await findOnPath('mongod', process.env);
    if (mongod === undefined) return;
    members = await MongoMemoryReplSet.create({
      binary: { systemBinary: mongod },
      replSet: { count: MEMBERS, name: 'wheelhouse', storageEngine: 'wiredTiger' },
    });
    await members.waitUntilRunning();
    stack = await startStack({ mongodbUri: members.getUri('wheelhouse'), kernelCount: 2, productCodes: [] });
  });
  afterAll(async () => {
    await stack?.stop();
    await members?.stop();
  });

  /** Drives debits while `disturb` runs, then holds every answer against the ledger. */
  async function expectNothingLost(running: TestStack, disturb: () => Promise<void>): Promise<void> {
    const clients = [0, 1].map((index) => running.connect(running.credentials.internal, index));
    const [client] = clients;
    if (client === undefined) throw new Error('there is no kernel');
    const tenantId = await createFundedTenant(running, FUNDS);
    let isOver = false;
    const driving = driveDebits(clients, tenantId, LANES, () => isOver);
    await delay(1_000);
    await disturb();
    await delay(1_000);
    isOver = true;
    const driven = await driving;
    expect(driven.length).toBeGreaterThan(100);
    await expectEachOnce(client, tenantId, driven, FUNDS);
  }

  it('loses and doubles nothing while its primary steps down again and again', async (context) => {
    const running = stack;
    const set = members;
    if (running === undefined || set === undefined) return context.skip('needs mongod on PATH');
    await expectNothingLost(running, async () => {
      for (let movement = 0; movement < MOVEMENTS; movement += 1) {
        await stepDown(set.getUri());
        await delay(STEP_DOWN_S * 1_000);
      }
    });
  });

  it('loses and doubles nothing when its primary dies, and what no majority had is taken back', async (context) => {
    const running = stack;
    const set = members;
    if (running === undefined || set === undefined) return context.skip('needs mongod on PATH');
    await expectNothingLost(running, async () => {
      const primary = await findPrimaryPort(set.getUri());
      const server = set.servers.find(({ instanceInfo }) => instanceInfo?.port === primary);
      if (server === undefined) throw new Error(`none of the servers is the primary on port ${primary}`);
      const { instanceInfo } = server;
      instanceInfo?.instance.mongodProcess?.kill('SIGKILL');
      await delay(ELECTION_MS);
      // It comes back with what it alone had written, and has to give that up.
      await server.start(true);
      await delay(ELECTION_MS);
    });
  });
});

/** Has the primary give its place up; the set closes its connections over it, which is no failure. */
async function stepDown(uri: string): Promise<void> {
  const connection = await createConnection(uri).asPromise();
  try {
    await connection.db?.admin().command({ replSetStepDown: STEP_DOWN_S, force: true });
  } finally {
    await connection.close();
  }
}

async function findPrimaryPort(uri: string): Promise<number> {
  const connection = await createConnection(uri).asPromise();
  try {
    const hello = await connection.db?.admin().command({ hello: 1 });
    return Number(String(hello?.['primary']).split(':').at(-1));
  } finally {
    await connection.close();
  }
}
