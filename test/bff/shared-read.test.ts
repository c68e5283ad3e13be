// Reads that callers share: who shares one, when it begins, and when it is given up.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallContext } from '../../bff/call-context.ts';
import { SharedRead } from '../../bff/shared-read.ts';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { Stage } from './support/stage.ts';

const PERSON = { kind: 'person', issuer: 'https://issuer.example', subject: 'usr_1' } as const;

/** Waits until what was asked for in this turn is under way. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

function contextOf(changes: Partial<CallContext> = {}): CallContext {
  return {
    identity: PERSON,
    tenantId: 'ten_1',
    remoteAddress: '192.0.2.1',
    requestId: 'request',
    deadline: new Date(0),
    signal: new AbortController().signal,
    ...changes,
  };
}

/** A read whose calls are answered by hand. */
function openRead() {
  const calls: { request: string; context: CallContext; answer: (text: string) => void; fail: (why: Error) => void }[] =
    [];
  const shared = new SharedRead<string, string>({
    toBytes: (request) => Buffer.from(request),
    call: (request, context) =>
      new Promise((answer, fail) => {
        calls.push({ request, context, answer, fail });
      }),
  });
  return { calls, read: (request = 'a', changes?: Partial<CallContext>) => shared.read(request, contextOf(changes)) };
}

describe('a read', () => {
  it('is one call for all who ask in one turn, by the first one that asked', async () => {
    const { calls, read } = openRead();
    const readings = ['first', 'second', 'third'].map((requestId) => read('a', { requestId }));
    expect(calls).toHaveLength(0);
    await turn();
    expect(calls.map(({ context }) => context.requestId)).toEqual(['first']);
    calls[0]?.answer('answer');
    expect(await Promise.all(readings)).toEqual(['answer', 'answer', 'answer']);
  });

  it('is a call of its own for whoever asks once another has begun', async () => {
    const { calls, read } = openRead();
    const first = read();
    await turn();
    const second = read();
    await turn();
    expect(calls).toHaveLength(2);
    calls[1]?.answer('newer');
    calls[0]?.answer('older');
    expect([await first, await second]).toEqual(['older', 'newer']);
  });

  it.each<[what: string, request: string, changes: Partial<CallContext>]>([
    ['something else', 'b', {}],
    ['another person', 'a', { identity: { ...PERSON, subject: 'usr_2' } }],
    ['the same subject of another issuer', 'a', { identity: { ...PERSON, issuer: 'https://other.example' } }],
    ['a person whose address is told', 'a', { identity: { ...PERSON, email: 'a@example.com' } }],
    ['a program', 'a', { identity: { kind: 'program', accessToken: 'usr_1' } }],
    ['nobody', 'a', { identity: { kind: 'nobody' } }],
    ['another workspace', 'a', { tenantId: 'ten_2' }],
    ['another place', 'a', { remoteAddress: '192.0.2.2' }],
  ])('is not shared with %s', async (_, request, changes) => {
    const { calls, read } = openRead();
    const [one, other] = [read(), read(request, changes)];
    await turn();
    expect(calls).toHaveLength(2);
    calls[0]?.answer('for the one');
    calls[1]?.answer('for the other');
    expect([await one, await other]).toEqual(['for the one', 'for the other']);
  });

  it('fails for all who share it', async () => {
    const { calls, read } = openRead();
    const readings = Promise.allSettled([read(), read()]);
    await turn();
    const reason = new Error('refused');
    calls[0]?.fail(reason);
    expect(await readings).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
  });

  it('is given up when the last one who waits has gone, and not before', async () => {
    const { calls, read } = openRead();
    const [one, other] = [new AbortController(), new AbortController()];
    void read('a', { signal: one.signal });
    void read('a', { signal: other.signal });
    await turn();
    one.abort();
    expect(calls[0]?.context.signal.aborted).toBe(false);
    other.abort();
    expect(calls[0]?.context.signal.aborted).toBe(true);
  });

  it('is not that of those who have all gone before it began', async () => {
    const { calls, read } = openRead();
    const gone = new AbortController();
    void read('a', { signal: gone.signal });
    gone.abort();
    void read('a', { signal: AbortSignal.abort() });
    const stays = read();
    await turn();
    expect(calls.map(({ context }) => context.signal.aborted)).toEqual([true, true, false]);
    calls[2]?.answer('answer');
    expect(await stays).toBe('answer');
  });
});

describe('requests that come at once', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.set();
  });
  afterAll(() => stage.clear());

  it('are answered each with what its own caller is told', async () => {
    stage.kernel.answers.getBalance = () => {
      const subject = stage.kernel.calls.at(-1)?.metadata['x-subject'];
      const number = BigInt(String(subject).replace('usr_', ''));
      return GetBalanceResponse.fromPartial({ balance: { availableMicrocredits: number } });
    };
    const callers = Array.from({ length: 8 }, (_, number) => number);
    const tokens = await Promise.all(callers.map((number) => stage.issuer.sign({ claims: { sub: `usr_${number}` } })));
    const asked = Array.from({ length: 25 }, () => callers).flat();
    const answers = await Promise.all(
      asked.map(async (number) => {
        const headers = { authorization: `Bearer ${tokens[number]}`, 'x-workspace-id': TENANT_ID };
        return (await stage.get('/v1/billing/usage', headers)).json();
      }),
    );
    expect(answers).toMatchObject(asked.map((number) => ({ available: number })));
    expect(stage.kernel.calls.length).toBeLessThanOrEqual(asked.length);
  });
});
