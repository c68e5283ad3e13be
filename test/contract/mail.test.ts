// MailService and `wheelhouse mail`: what operators see of mails, and how they drive dead ones again.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MailState } from '../../gen/wheelhouse/operator/v1/mail.ts';
import {
  ListMailsRequest,
  MailServiceService,
  RedriveMailRequest,
} from '../../gen/wheelhouse/operator/v1/mail_service.ts';
import { SignupServiceService, StartSignupRequest } from '../../gen/wheelhouse/tenant/v1/signup_service.ts';
import type { ProductCode } from '../../kernel/domain/id.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { REPOSITORY } from '../support/repository.ts';
import { type Callers, callersOf, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';

const run = promisify(execFile);

let kernel: KernelFixture;
let callers: Callers;
let mailServer: MailServer;
let addressNumber = 0;

beforeAll(async () => {
  mailServer = await startMailServer();
  const consoleUrls = new Map([['agentruntime' as ProductCode, 'http://127.0.0.1:1']]);
  kernel = await openKernel({ mail: { smtpUrl: mailServer.url, from: 'no-reply@example.com' }, consoleUrls });
  callers = callersOf(kernel);
});
afterAll(async () => {
  await kernel.close();
  await mailServer.stop();
});

const list = (fields: Partial<ListMailsRequest> = {}) =>
  callers.sysadmin.call(MailServiceService.listMails, ListMailsRequest.fromPartial(fields));

const redrive = (mailId: string, fields: Partial<RedriveMailRequest> = {}) =>
  callers.sysadmin.call(
    MailServiceService.redriveMail,
    RedriveMailRequest.fromPartial({ requestId: newRequestId(), mailId, ...OPERATOR, ...fields }),
  );

/** Has a mail be put into the outbox, and answers its id. */
async function newMail(): Promise<string> {
  addressNumber += 1;
  const to = `operator-test-${addressNumber}@example.com`;
  const request = StartSignupRequest.fromPartial({ requestId: newRequestId(), email: to, workspaceName: 'Acme' });
  await callers.bff.call(SignupServiceService.startSignup, request, { metadata: { 'x-product-code': 'agentruntime' } });
  const stored = await kernel.connection.collection<{ readonly _id: string }>('mail_outbox').findOne({ to });
  return stored?._id ?? '';
}

const stateOf = async (mailId: string) => (await list()).mails.find((mail) => mail.mailId === mailId)?.state;
const becomes = (mailId: string, state: MailState) => expect.poll(() => stateOf(mailId)).toBe(state);

async function deadMail(): Promise<string> {
  mailServer.behave({ kind: 'refuse', step: 'recipient', code: 550, words: 'no such person' });
  try {
    const mailId = await newMail();
    await becomes(mailId, MailState.DEAD);
    return mailId;
  } finally {
    mailServer.behave({ kind: 'take' });
  }
}

describe('ListMails', () => {
  test('lists mails by their state, the earliest first, page by page, without text or token', async () => {
    const sent = await newMail();
    await becomes(sent, MailState.SENT);
    const dead = await deadMail();
    const { mails } = await list({ state: MailState.DEAD });
    expect(mails.at(-1)).toMatchObject({
      mailId: dead,
      template: 'signup',
      productCode: 'agentruntime',
      state: MailState.DEAD,
      attempts: 1,
      failure: expect.stringContaining('the mail server answered 550 (EENVELOPE)'),
      sendTime: undefined,
    });
    expect(mails.at(-1)?.failure).toContain('no such person');
    expect((await list({ state: MailState.SENT })).mails.map(({ mailId }) => mailId)).toContain(sent);
    const first = await list({ pageSize: 1 });
    const second = await list({ pageSize: 1, pageToken: first.nextPageToken });
    expect(second.mails[0]?.mailId).not.toBe(first.mails[0]?.mailId);
    const { pageToken } = { pageToken: first.nextPageToken };
    expect(await failureOf(list({ state: MailState.DEAD, pageToken }))).toMatchObject({
      reason: 'INVALID_FIELD',
      violations: { page_token: expect.any(String) },
    });
    expect(await failureOf(list({ state: 9 as MailState }))).toMatchObject({
      violations: { state: expect.any(String) },
    });
  });

  test('what could not be sent is counted and logged, and the log names nobody', async () => {
    const dead = await deadMail();
    const { to } = (await list()).mails.find(({ mailId }) => mailId === dead) ?? { to: 'nobody' };
    const text = kernel.logLines.join('');
    expect(text).toContain('a mail can not be sent');
    expect(text).not.toContain(to);
    expect(text).not.toContain('no such person');
    const metrics = await (await fetch(`${kernel.httpUrl}/metrics`)).text();
    expect(metrics).toMatch(/wheelhouse_mail_died_total [1-9]/);
  });
});

describe('RedriveMail', () => {
  test('has a dead mail be sent, once for each request, and stands in the audit log', async () => {
    const mailId = await deadMail();
    const requestId = newRequestId();
    const first = await redrive(mailId, { requestId });
    expect(first.replayed).toBe(false);
    await becomes(mailId, MailState.SENT);
    const again = await redrive(mailId, { requestId });
    expect(again).toMatchObject({ replayed: true, mail: { state: MailState.SENT, attempts: 1 } });
    const records = await operatorCallsOf(callers).audit({ method: 'MailService/RedriveMail' });
    expect(records).toHaveLength(1);
    expect(records[0]?.changes).toEqual([
      { field: 'mail_id', before: '', after: mailId },
      { field: 'state', before: 'dead', after: 'pending' },
    ]);
    // A mail that is not dead is answered as it is.
    expect((await redrive(mailId)).mail?.state).toBe(MailState.SENT);
    expect(await operatorCallsOf(callers).audit({ method: 'MailService/RedriveMail' })).toHaveLength(1);
  });

  test('refuses what it can’t find or read', async () => {
    expect(await failureOf(redrive('sgn_x:y'))).toMatchObject({
      reason: 'MAIL_NOT_FOUND',
      code: status.NOT_FOUND,
      metadata: { mail_id: 'sgn_x:y' },
    });
    const empty = await failureOf(redrive('', { requestId: '', actor: '', reason: '' }));
    expect(Object.keys(empty.violations).sort()).toEqual(['actor', 'mail_id', 'reason', 'request_id']);
  });
});

describe('wheelhouse mail', () => {
  const wheelhouse = async (...args: readonly string[]): Promise<string> => {
    const env = { PATH: process.env['PATH'], KERNEL_ADDRESS: kernel.address, KERNEL_TOKEN: kernel.tokens.sysadmin };
    const program = join(REPOSITORY, 'kernel/cli/main.ts');
    return (await run(process.execPath, [program, 'mail', ...args], { env })).stdout;
  };

  test('lists dead mails, and drives them again', async () => {
    const mailId = await deadMail();
    const rows = (await wheelhouse('list', '--json')).trim().split('\n');
    const row: unknown = JSON.parse(rows.find((line) => line.includes(mailId)) ?? '{}');
    expect(row).toMatchObject({ mail_id: mailId, template: 'signup', state: 'dead' });
    const who = ['--actor', 'usr_operator', '--reason', 'test'];
    expect(await wheelhouse('redrive', mailId, ...who)).toContain(mailId);
    await becomes(mailId, MailState.SENT);
    await expect(wheelhouse('redrive', ...who)).rejects.toThrow('Name the mails to drive again, or say --all');
  });
});
