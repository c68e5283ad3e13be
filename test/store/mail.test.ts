// Mail on a real database and over real SMTP: put in once, within what an address may have, sent at least once, and never lost.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MailDraft } from '../../kernel/app/mail/mail-outbox.ts';
import { MAIL_ATTEMPTS_MAX, MailSender } from '../../kernel/app/mail/mail-sender.ts';
import type { MailObserver, MailStore, StoredMail } from '../../kernel/app/mail/ports.ts';
import { MAILS_PER_HOUR_MAX, StoredOutbox } from '../../kernel/app/mail/stored-outbox.ts';
import type { ProductCode } from '../../kernel/domain/id.ts';
import { createSmtpTransport } from '../../kernel/mail/smtp-transport.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openMailStore } from '../../kernel/store/mail/mail-store.ts';
import { override } from '../contract/support/override.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { type MailServer, startMailServer, tokenOf } from '../support/mail-server.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

const HOUR_MS = 3_600_000;
const PRODUCT = 'agentruntime' as ProductCode;
/** The beginning of an hour of the clock. */
const START = 1_800_000 * 1_000_000 - ((1_800_000 * 1_000_000) % HOUR_MS);
const TOKEN = 'secret-token-of-the-mail';

let connection: Connection;
let store: MailStore;
let server: MailServer;
let now: number;
let reports: string[];
let senders: MailSender[];
let mailNumber = 0;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  store = await openMailStore(connection);
});
beforeEach(async () => {
  server = await startMailServer();
  now = START;
  reports = [];
  senders = [];
});
afterEach(async () => {
  for (const sender of senders) await sender.stop();
  await server.stop();
  await connection.collection('mail_outbox').deleteMany({});
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

const outbox = (over = store) =>
  new StoredOutbox({ store: over, clock: { now: () => now }, wake: () => void reports.push('wake') });

const SIGNUP = { template: 'signup', workspaceName: 'Acme', token: TOKEN, expiresAt: START + 24 * HOUR_MS } as const;
const TRIAL_ENDING = {
  template: 'trial_ending',
  ...{ workspaceName: 'Acme', planName: 'Pro', becomesPaid: true, expiresAt: START + 72 * HOUR_MS },
} as const;
const PAYMENT_FAILED = {
  template: 'payment_failed',
  ...{ workspaceName: 'Acme', planName: 'Pro', graceEndsAt: START + 72 * HOUR_MS, expiresAt: START + 96 * HOUR_MS },
  paymentUrl: 'https://pay.example/i/1',
} as const;

const ENDPOINT_DISABLED = {
  template: 'alert_endpoint_disabled',
  ...{ workspaceName: 'Acme', host: 'hooks.example', isGone: true, failingSince: START, expiresAt: START + HOUR_MS },
} as const;

const AUTO_TOP_UP_STOPPED = {
  template: 'auto_top_up_stopped',
  because: 'declined',
  ...{ workspaceName: 'Acme', expiresAt: START + HOUR_MS },
} as const;

function draft(fields: Partial<MailDraft> = {}): MailDraft {
  mailNumber += 1;
  const mail = { mailId: `sgn_${mailNumber}:x`, productCode: PRODUCT, to: `a${mailNumber}@example.com` };
  return { ...mail, content: SIGNUP, ...fields };
}

const observer: MailObserver = {
  sent: ({ mailId }) => void reports.push(`sent ${mailId}`),
  failed: (_, error) => void reports.push(`failed ${String(error)}`),
  died: (_, error) => void reports.push(`died ${String(error)}`),
  backlog: (oldestMs, dead) => void reports.push(`backlog ${oldestMs} ${dead}`),
  backgroundFailed: (work) => void reports.push(`background ${work}`),
};

function openSender(over: MailStore = store, { timeoutMs = 10_000, url = server.url } = {}): MailSender {
  const sender = new MailSender({
    store: over,
    transport: createSmtpTransport({ url, from: 'Wheelhouse <no-reply@wheelhouse.example>', timeoutMs }),
    consoleUrls: new Map([[PRODUCT, 'https://console.example.com']]),
    messageIdDomain: 'wheelhouse.example',
    clock: { estimate: () => now },
    pacing: { random: () => 0 },
    observer,
  });
  senders.push(sender);
  return sender;
}

/** One round of a kernel's worker. */
async function round(sender: MailSender): Promise<void> {
  await sender.takeDue();
  await sender.settle();
}

const load = async (mailId: string): Promise<StoredMail> => {
  const mail = await store.loadMail(mailId);
  if (mail === undefined) throw new Error(`no mail ${mailId}`);
  return mail;
};

describe('the outbox', () => {
  test('takes a mail once for each id, and says whether it knows one', async () => {
    const mail = draft();
    expect(await outbox().isKnown(mail.mailId)).toBe(false);
    await Promise.all(Array.from({ length: 10 }, () => outbox().enqueue(mail)));
    await outbox().enqueue({ ...mail, to: 'other@example.com' });
    expect(await outbox().isKnown(mail.mailId)).toBe(true);
    expect(await store.loadMails({ limit: 10 })).toMatchObject([
      { mailId: mail.mailId, to: mail.to, state: 'pending' },
    ]);
  });

  test('takes exactly as many for an address as it may have in an hour, also of many at once', async () => {
    const to = 'crowd@example.com';
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => outbox().enqueue(draft({ to }))));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(MAILS_PER_HOUR_MAX.signup);
    now += 600_000;
    await expect(outbox().enqueue(draft({ to }))).rejects.toMatchObject({
      reason: 'MAIL_LIMIT_REACHED',
      metadata: { limit: String(MAILS_PER_HOUR_MAX.signup) },
      retryDelayMs: HOUR_MS - 600_000,
    });
    // Another kind, another address, the next hour.
    await outbox().enqueue(draft({ to, content: { ...SIGNUP, template: 'invitation', inviter: 'Ada' } }));
    await outbox().enqueue(draft());
    now = START + HOUR_MS;
    await outbox().enqueue(draft({ to }));
  });

  test('takes every notice, whatever else an address has had, and keeps what it says', async () => {
    const to = 'admin@example.com';
    for (let count = 0; count < MAILS_PER_HOUR_MAX.signup; count += 1) await outbox().enqueue(draft({ to }));
    const contents = [
      TRIAL_ENDING,
      PAYMENT_FAILED,
      { ...TRIAL_ENDING, becomesPaid: false },
      ENDPOINT_DISABLED,
      AUTO_TOP_UP_STOPPED,
    ];
    const notices: MailDraft[] = contents.map((content) => draft({ to, content }));
    const { paymentUrl: _, graceEndsAt: __, ...plain } = PAYMENT_FAILED;
    notices.push(draft({ to, content: plain }));
    for (let count = 0; count < 30; count += 1) notices.push(draft({ to, content: TRIAL_ENDING }));
    for (const notice of notices) await outbox().enqueue(notice);
    for (const { mailId, content } of notices) expect((await load(mailId)).content).toEqual(content);
    await expect(outbox().enqueue(draft({ to }))).rejects.toMatchObject({ reason: 'MAIL_LIMIT_REACHED' });
  });

  test('counts a mail once that is put in again after its answer was lost', async () => {
    const to = 'again@example.com';
    const mail = draft({ to });
    const lost = override(store, { insertMail: () => Promise.reject(new Error('injected: the kernel died here')) });
    for (let attempt = 0; attempt < 10; attempt += 1) {
      await expect(outbox(lost).enqueue(mail)).rejects.toThrow('injected');
    }
    await outbox().enqueue(mail);
    for (let more = 1; more < MAILS_PER_HOUR_MAX.signup; more += 1) await outbox().enqueue(draft({ to }));
    await expect(outbox().enqueue(draft({ to }))).rejects.toMatchObject({ reason: 'MAIL_LIMIT_REACHED' });
  });
});

describe('the sender', () => {
  test('sends a mail once, then forgets its token', async () => {
    const mail = draft();
    await outbox().enqueue(mail);
    await Promise.all([round(openSender()), round(openSender()), round(openSender())]);
    expect(server.taken).toHaveLength(1);
    const [taken] = server.taken;
    expect(taken?.to).toEqual([mail.to]);
    expect(taken?.mail).toMatchObject({
      subject: 'Confirm your new workspace',
      from: { name: 'Wheelhouse', address: 'no-reply@wheelhouse.example' },
      messageId: expect.stringMatching(/^<[0-9a-f]{32}@wheelhouse\.example>$/),
    });
    expect(tokenOf(taken)).toBe(TOKEN);
    expect(await load(mail.mailId)).toMatchObject({ state: 'sent', attempts: 1, sentAt: now });
    const stored = JSON.stringify(await connection.collection('mail_outbox').find().toArray());
    expect(stored).not.toContain(TOKEN);
    expect(reports).toEqual(['wake', `sent ${mail.mailId}`]);
  });

  test('keeps an address and a name from adding recipients or headers', async () => {
    const workspaceName = 'Acme\r\nBcc: victim@example.com\r\n\r\nSpam';
    await outbox().enqueue(draft({ to: 'a,b@example.com', content: { ...SIGNUP, workspaceName } }));
    const named = {
      ...SIGNUP,
      template: 'invitation' as const,
      workspaceName: 'Plain\r\nX-Injected: yes',
      inviter: 'A',
    };
    const mail = draft({ content: named });
    await outbox().enqueue(mail);
    await round(openSender());
    expect(server.taken.flatMap(({ to }) => to)).not.toContain('victim@example.com');
    const taken = server.taken.find(({ to }) => to.includes(mail.to));
    expect(taken?.mail.subject).toBe('Invitation to the workspace “Plain X-Injected: yes”');
    expect(taken?.mail.headers.map(({ key }) => key)).not.toContain('x-injected');
    expect(taken?.to).toEqual([mail.to]);
  });

  test('waits twice as long after each failure, and gives up after so many', async () => {
    const mail = draft();
    await outbox().enqueue({ ...mail, content: { ...SIGNUP, expiresAt: START + 1_000 * HOUR_MS } });
    server.behave({ kind: 'refuse', step: 'data', code: 451, words: `later, because of #token=${TOKEN}` });
    const sender = openSender();
    const waits: number[] = [];
    for (let attempt = 1; attempt < MAIL_ATTEMPTS_MAX; attempt += 1) {
      await round(sender);
      const { dueAt = 0, state } = await load(mail.mailId);
      expect(state).toBe('pending');
      waits.push(dueAt - now);
      await round(sender);
      expect(server.attempts()).toBe(attempt);
      now = dueAt;
    }
    await round(sender);
    expect(waits.slice(0, 4)).toEqual([2_000, 4_000, 8_000, 16_000]);
    expect(Math.max(...waits)).toBe(HOUR_MS);
    const dead = await load(mail.mailId);
    expect(dead).toMatchObject({ state: 'dead', attempts: MAIL_ATTEMPTS_MAX });
    expect(dead.failure).toMatch(/^the mail server answered 451 \(EMESSAGE\): .*because of #token=\[token\]/);
    // What operators and logs are told of the attempts names nobody, and no token.
    expect(reports.at(-1)).toBe('died MailFailure: the mail server answered 451 (EMESSAGE)');
    expect(reports.join()).not.toContain(TOKEN);
    await sender.reportBacklog();
    expect(reports.at(-1)).toBe('backlog 0 1');
  });

  test.each(['recipient', 'data'] as const)(
    'gives up at once where the server refuses for good at the %s',
    async (step) => {
      const mail = draft();
      await outbox().enqueue(mail);
      server.behave({ kind: 'refuse', step, code: 550 });
      await round(openSender());
      expect(await load(mail.mailId)).toMatchObject({ state: 'dead', attempts: 1 });
    },
  );

  test('sends later what a server that is not there could not take', async () => {
    const mail = draft();
    await outbox().enqueue(mail);
    await server.stop();
    await round(openSender());
    expect(await load(mail.mailId)).toMatchObject({ state: 'pending', attempts: 1 });
    server = await startMailServer();
    now += 2_000;
    await round(openSender());
    expect(server.taken).toHaveLength(1);
  });

  test('waits for a server that says nothing no longer than an attempt may take', async () => {
    const mail = draft();
    await outbox().enqueue(mail);
    server.behave({ kind: 'hang' });
    const sender = openSender(store, { timeoutMs: 300 });
    await round(sender);
    expect(await load(mail.mailId)).toMatchObject({
      state: 'pending',
      failure: expect.stringContaining('no end within 300 ms'),
    });
    server.behave({ kind: 'take' });
    now += 2_000;
    await round(sender);
    expect(await load(mail.mailId)).toMatchObject({ state: 'sent', attempts: 2 });
  });

  test('that died between sending and noting it leaves the mail to another, which sends it with the same Message-ID', async () => {
    const mail = draft();
    await outbox().enqueue(mail);
    const dying = override(store, {
      saveSent: () => Promise.reject(new Error('injected: the kernel died here')),
    });
    await round(openSender(dying));
    expect(server.taken).toHaveLength(1);
    expect(reports).toContain('background noting what became of a mail');
    // Nobody takes it while the dead one might still be at it.
    now += 60_000;
    await round(openSender());
    expect(server.taken).toHaveLength(1);
    now += 31_000;
    await round(openSender());
    expect(server.taken).toHaveLength(2);
    expect(new Set(server.taken.map((taken) => taken.mail.messageId)).size).toBe(1);
    expect(await load(mail.mailId)).toMatchObject({ state: 'sent', attempts: 2 });
    await round(openSender());
    expect(server.taken).toHaveLength(2);
  });

  test('does not send a mail whose link has expired, or whose product has no address', async () => {
    const late = draft({ content: { ...SIGNUP, expiresAt: START } });
    const unknown = draft({ productCode: 'otherproduct' as ProductCode });
    await outbox().enqueue(late);
    await outbox().enqueue(unknown);
    await round(openSender());
    expect(server.attempts()).toBe(0);
    expect(await load(late.mailId)).toMatchObject({ state: 'dead', failure: 'its link has expired' });
    expect(await load(unknown.mailId)).toMatchObject({
      state: 'pending',
      failure: 'CONSOLE_URLS says nothing of otherproduct: add its address',
    });
  });

  test('sends a notice, as long as what it tells of is not over, also when it is driven again', async () => {
    const mails = [TRIAL_ENDING, PAYMENT_FAILED].map((content) => draft({ content }));
    const late = draft({ content: { ...TRIAL_ENDING, expiresAt: START } });
    for (const mail of [...mails, late]) await outbox().enqueue(mail);
    await round(openSender());
    expect(server.taken.map(({ mail }) => mail.subject).sort()).toEqual([
      'A payment for the workspace “Acme” failed',
      'The trial of the workspace “Acme” ends soon',
    ]);
    for (const { mailId } of mails) expect(await load(mailId)).toMatchObject({ state: 'sent', attempts: 1 });
    expect(await load(late.mailId)).toMatchObject({ state: 'dead', failure: 'what it tells of is over' });
  });

  test('takes no more than it can send at once, and the rest after', async () => {
    for (let count = 0; count < 20; count += 1) await outbox().enqueue(draft());
    let claimed = 0;
    let mostAtOnce = 0;
    const claimDue: MailStore['claimDue'] = async (...claim) => {
      const mail = await store.claimDue(...claim);
      if (mail !== undefined) claimed += 1;
      mostAtOnce = Math.max(mostAtOnce, claimed - reports.filter((report) => report.startsWith('sent')).length);
      return mail;
    };
    const sender = openSender(override(store, { claimDue }));
    // How many are sent meanwhile is chance: it begins at least as many as it can send at once.
    expect(await sender.takeDue()).toBeGreaterThanOrEqual(8);
    await sender.settle();
    await round(sender);
    await round(sender);
    expect(server.taken).toHaveLength(20);
    expect(mostAtOnce).toBeLessThanOrEqual(8);
  });
});
