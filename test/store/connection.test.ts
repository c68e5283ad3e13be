// How long a kernel looks for its database, and what it says of it.

import { afterEach, describe, expect, test } from 'vitest';
import { messageOf } from '../../kernel/domain/error.ts';
import { type ConnectionOptions, openConnection } from '../../kernel/store/connection.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { freshDatabaseUri } from '../support/engine.ts';

/** Longer than one attempt of the driver, which looks for a server for 5 s. */
const LATE_MS = 6_500;

let proxy: CuttingProxy | undefined;
afterEach(() => proxy?.stop());

/** A connection string where nobody listens, and its port. */
async function findUnreachable(): Promise<{ readonly uri: string; readonly port: number }> {
  const taken = await startCuttingProxy(freshDatabaseUri());
  await taken.stop();
  return { uri: taken.uri, port: Number(new URL(taken.uri).port) };
}

/** Tries to connect; answers what came of it, and after how many milliseconds. */
async function connect(options: Pick<ConnectionOptions, 'uri' | 'timeoutMs'>) {
  const startMs = performance.now();
  const message = await openConnection({ ...options, onCommand: () => undefined }).then(
    (connection) => connection.close().then(() => 'connected'),
    messageOf,
  );
  return { message, waitedMs: performance.now() - startMs };
}

describe('a database that is down when a kernel starts', () => {
  test('is found when it comes up within the time, also after the first attempt', async () => {
    const { uri, port } = await findUnreachable();
    const connecting = connect({ uri, timeoutMs: 30_000 });
    await new Promise((resolve) => setTimeout(resolve, LATE_MS));
    proxy = await startCuttingProxy(freshDatabaseUri(), port);
    const { message, waitedMs } = await connecting;
    expect(message).toBe('connected');
    expect(waitedMs).toBeGreaterThanOrEqual(LATE_MS);
  });

  test('is looked for as long as is said', async () => {
    const { uri } = await findUnreachable();
    const { message, waitedMs } = await connect({ uri, timeoutMs: LATE_MS });
    expect(message).toContain(`can't be reached within ${LATE_MS} ms (`);
    expect(waitedMs).toBeGreaterThanOrEqual(LATE_MS - 1);
    expect(waitedMs).toBeLessThan(LATE_MS + 5_000);
  });
});

test('a connection string that is wrong is told at once, and of no wait', async () => {
  const { message, waitedMs } = await connect({ uri: 'mongodb://127.0.0.1:1/x?tls=perhaps', timeoutMs: 60_000 });
  expect(message).toMatch(
    /^The database at mongodb:\/\/127\.0\.0\.1:1\/x can't be reached \(.*tls.*\): start it, or correct/,
  );
  expect(waitedMs).toBeLessThan(10_000);
});
