// One request of an operator that is sent twice at once: the other call has made the change by the time this one looks at its target.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ChangeBook, type ChangeDraft } from '../../kernel/app/operator/change-book.ts';
import type { AuditStore } from '../../kernel/app/operator/ports.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openAuditLogStore } from '../../kernel/store/operator/audit-store.ts';
import { override } from '../contract/support/override.ts';
import { freshDatabaseUri } from '../support/engine.ts';

const KIND = { operation: 'redrive_webhook_event', method: 'WebhookService/RedriveWebhookEvent', meaning: [] } as const;
const DRAFT: ChangeDraft = { effect: { kind: 'webhook_event' }, changes: [] };

let connection: Awaited<ReturnType<typeof openConnection>>;
let audit: AuditStore;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  audit = await openAuditLogStore(connection);
});
afterAll(() => connection.close());

/** Asks for a change of an event whose state another call of the same request, or of another one, has changed since. */
async function changeAfter(eventId: string, otherId: string, decideLate: () => Promise<ChangeDraft | undefined>) {
  const bookOver = (store: AuditStore) =>
    new ChangeBook({ store, clock: { now: Date.now }, ids: RANDOM_ID_SOURCE, pacing: PROCESS_PACING });
  const change = (book: ChangeBook, requestId: string, decide: () => Promise<ChangeDraft | undefined>) => {
    const request = { requestId, callerScope: 'sysadmin/test', actor: 'usr_test', reason: 'test' };
    return book.change(request, KIND, { kind: 'webhook_event', eventId }, decide);
  };
  let isFirst = true;
  const settleTarget: AuditStore['settleTarget'] = async (target) => {
    if (isFirst) {
      isFirst = false;
      expect(await change(bookOver(audit), otherId, async () => DRAFT)).toBe(false);
    }
    return audit.settleTarget(target);
  };
  return await change(bookOver(override(audit, { settleTarget })), eventId, decideLate);
}

test.each([
  ['there is nothing left to do', async () => undefined],
  ['what it did stands in the way', () => Promise.reject(new Error('it is there already'))],
])('is told that it was made before, where %s', async (_, decideLate) => {
  const requestId = crypto.randomUUID();
  expect(await changeAfter(requestId, requestId, decideLate)).toBe(true);
});

test('is told what another request has left of it', async () => {
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  expect(await changeAfter(one, 'another-1', async () => undefined)).toBe(false);
  const refused = changeAfter(two, 'another-2', () => Promise.reject(new Error('it is there already')));
  await expect(refused).rejects.toThrow('it is there already');
});
