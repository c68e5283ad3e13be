// The balance by server-sent events: what is sent, how a stream goes on, and how it ends.

import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { STREAM_BOUNDS } from '../../bff/stream-desk.ts';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { WatchBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { type BalanceWatch, rawRefusal, refusal } from './support/kernel-peer.ts';
import { Stage } from './support/stage.ts';

const PATH = '/v1/billing/usage/stream';

let stage: Stage;
let watches: BalanceWatch[];
let clients: AbortController[];
beforeEach(async () => {
  stage = await Stage.set();
  watches = [];
  clients = [];
  stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
  stage.kernel.onWatch = (watch) => void watches.push(watch);
});
afterEach(async () => {
  for (const client of clients) client.abort();
  await stage.clear();
});

/** What a client has read of a stream. */
interface Reading {
  readonly response: Response;
  text(): string;
  readonly ended: Promise<'ended' | 'cut off'>;
  leave(): void;
}

async function open(headers: Record<string, string> = {}): Promise<Reading> {
  const client = new AbortController();
  clients.push(client);
  const authorization = `Bearer ${await stage.issuer.sign()}`;
  const response = await fetch(`${stage.url}${PATH}`, {
    headers: { authorization, 'x-workspace-id': TENANT_ID, ...headers },
    signal: client.signal,
  });
  let text = '';
  const ended = (async () => {
    try {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
      return 'ended';
    } catch {
      return 'cut off';
    }
  })();
  return { response, text: () => text, ended, leave: () => client.abort() };
}

function balance(available: bigint, token: string): WatchBalanceResponse {
  return WatchBalanceResponse.fromPartial({
    ...{ balance: { availableMicrocredits: available }, commitSeq: available, resumeToken: token },
  });
}

const eventOf = (available: number, token: string): string =>
  `id: ${token}\nevent: balance\ndata: {"trial_remaining":0,"included_remaining":0,"payg_remaining":0,"held":0,` +
  `"available":${available},"deficit":0,"commit_seq":${available}}\n\n`;

const watchAt = async (index: number): Promise<BalanceWatch> => {
  await expect.poll(() => watches.length).toBeGreaterThan(index);
  const watch = watches[index];
  if (watch === undefined) throw new Error(`there is no watch ${index}`);
  return watch;
};

describe('a stream', () => {
  test('sends what the workspace holds now and after each change, as events with ids', async () => {
    const reading = await open();
    expect(reading.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(reading.response.headers.get('cache-control')).toBe('no-store');
    expect(reading.response.headers.get('content-encoding')).toBeNull();
    const watch = await watchAt(0);
    expect(watch.request).toEqual({ tenantId: TENANT_ID, resumeToken: '' });
    watch.write(balance(5n, 'one'));
    await expect.poll(reading.text).toBe(`retry: 2000\n\n${eventOf(5, 'one')}`);
    watch.write(balance(6n, 'two'));
    await expect.poll(reading.text).toContain(eventOf(6, 'two'));
  });

  test('goes on after the last event that a client names, and cancels its watch when the client leaves', async () => {
    const reading = await open({ 'last-event-id': 'one' });
    expect((await watchAt(0)).request).toMatchObject({ resumeToken: 'one' });
    reading.leave();
    await expect.poll(() => stage.kernel.calls.at(-1)?.isCancelled).toBe(true);
    const odd = await stage.get(PATH, { 'last-event-id': 'a b' });
    expect(odd.problem()).toMatchObject({ status: 400, errors: [{ field: 'Last-Event-ID' }] });
  });

  test('goes on at another kernel, after what it has sent, when its own ends', async () => {
    const reading = await open();
    (await watchAt(0)).write(balance(5n, 'one'));
    await expect.poll(reading.text).toContain('"available":5');
    (await watchAt(0)).emit('error', refusal({ code: GrpcStatus.UNAVAILABLE, reason: 'SHUTTING_DOWN' }));
    const next = await watchAt(1);
    expect(next.request).toMatchObject({ resumeToken: 'one' });
    // A kernel whose database went back to an older state: the client gets what there is now.
    next.emit('error', refusal({ code: GrpcStatus.FAILED_PRECONDITION, reason: 'RESUME_TOKEN_EXPIRED' }));
    const anew = await watchAt(2);
    expect(anew.request).toMatchObject({ resumeToken: '' });
    anew.write(balance(4n, 'three'));
    await expect.poll(reading.text).toContain(eventOf(4, 'three'));
  });

  test('tells why it ends where coming again may not help', async () => {
    const reading = await open();
    (await watchAt(0)).emit('error', refusal({ code: GrpcStatus.PERMISSION_DENIED, reason: 'ROLE_REQUIRED' }));
    expect(await reading.ended).toBe('ended');
    const data = /event: problem\ndata: (.*)\n\n$/.exec(reading.text())?.[1] ?? '';
    expect(JSON.parse(data)).toMatchObject({ reason: 'ROLE_REQUIRED', status: 403 });
  });

  test('is refused as any other request is, before it begins', async () => {
    stage.kernel.answers.getBalance = () => {
      throw refusal({ code: GrpcStatus.NOT_FOUND, reason: 'TENANT_NOT_FOUND' });
    };
    expect((await stage.get(PATH)).problem()).toMatchObject({ status: 404, reason: 'TENANT_NOT_FOUND' });
    expect((await stage.send(PATH)).problem()).toMatchObject({ status: 401 });
    expect(watches).toEqual([]);
  });

  test('is one of so many of its caller, whose places are free again when they end', async () => {
    const readings = await Promise.all(Array.from({ length: STREAM_BOUNDS.perCaller }, () => open()));
    const refused = await stage.get(PATH);
    expect(refused.problem()).toMatchObject({ status: 429, reason: 'STREAM_LIMIT_REACHED' });
    expect(refused.headers.get('retry-after')).toBe('10');
    readings[0]?.leave();
    await expect
      .poll(async () => {
        const again = await open();
        again.leave();
        return again.response.status;
      })
      .toBe(200);
  });

  test('ends in order when the process drains, though nothing moves on it', async () => {
    const reading = await open();
    await watchAt(0);
    const startMs = performance.now();
    await stage.bff.stop();
    expect(await reading.ended).toBe('ended');
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  test('takes no more of the kernel than its client does', async () => {
    const reading = await open();
    const watch = await watchAt(0);
    const client = reading.response.body;
    expect(client).not.toBeNull();
    let sent = 0;
    // A kernel that would send on and on: it is held up at the latest by what lies between.
    const pump = (): void => {
      while (sent < 5_000 && watch.write(balance(BigInt(sent), `t${sent}`))) sent += 1;
    };
    watch.on('drain', pump);
    pump();
    await expect.poll(reading.text, { timeout: 10_000 }).toContain(eventOf(4_000, 't4000'));
  });

  test('has no answer for HEAD but its head', async () => {
    const answer = await stage.get(PATH, {}, { method: 'HEAD' });
    expect([answer.status, answer.text]).toEqual([200, '']);
  });
});

test('a kernel that does not come back is told after some looking', { timeout: 40_000 }, async () => {
  stage.kernel.onWatch = (watch) => void watch.emit('error', rawRefusal(GrpcStatus.UNAVAILABLE, 'gone'));
  const reading = await open();
  expect(await reading.ended).toBe('ended');
  expect(reading.text()).toContain('"reason":"KERNEL_UNAVAILABLE"');
});
