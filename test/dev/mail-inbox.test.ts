import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type MailInbox, startMailInbox } from '../../dev/mail-inbox/mail-inbox.ts';

async function runInbox(): Promise<MailInbox> {
  const inbox = await startMailInbox({ smtp: 0, http: 0 });
  onTestFinished(() => inbox.stop());
  return inbox;
}

/** Speaks SMTP as a mailer does: each line waits for the answer to the one before. Returns the codes of the answers. */
async function speak({ smtpUrl }: MailInbox, lines: readonly string[]): Promise<readonly string[]> {
  const { hostname, port } = new URL(smtpUrl);
  const codes: string[] = [];
  const waiting = [...lines];
  return await new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.on('error', reject);
    socket.on('close', () => resolve(codes));
    socket.on('data', (chunk) => {
      for (const line of chunk.toString().split('\r\n')) {
        // A hyphen says that more lines of this answer follow.
        if (!/^\d{3} /.test(line)) continue;
        codes.push(line.slice(0, 3));
        const next = waiting.shift();
        if (next === undefined) socket.end();
        else socket.write(`${next}\r\n`);
      }
    });
  });
}

const toMail = (to: string, content: readonly string[]): readonly string[] => [
  'EHLO kernel',
  'MAIL FROM:<billing@example.com>',
  `RCPT TO:<${to}>`,
  'DATA',
  [...content, '.'].join('\r\n'),
  'QUIT',
];

const PLAIN = [
  'From: Billing <billing@example.com>',
  'To: ada@example.com',
  'Subject: =?utf-8?Q?Best=C3=A4tigen?=',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Open http://127.0.0.1/confirm?token=3Dabc <script>alert(1)</script> Gr=C3=BC=C3=9Fe',
];

describe('the local inbox', () => {
  it('shows what was sent to whom, the newest first, as JSON and as a page without its markup', async () => {
    const inbox = await runInbox();
    expect(await speak(inbox, toMail('ada@example.com', PLAIN))).toEqual([
      '220',
      '250',
      '250',
      '250',
      '354',
      '250',
      '221',
    ]);
    await speak(inbox, toMail('bob@example.com', ['Subject: Second', '', 'two']));

    const mails: unknown = await (await fetch(`${inbox.url}/mails.json`)).json();
    expect(mails).toMatchObject([
      { mail_id: 2, to: ['bob@example.com'], subject: 'Second', text: expect.stringMatching(/^two\s*$/) },
      {
        mail_id: 1,
        from: 'billing@example.com',
        to: ['ada@example.com'],
        subject: 'Bestätigen',
        text: expect.stringContaining('confirm?token=abc <script>alert(1)</script> Grüße'),
      },
    ]);
    const page = await fetch(inbox.url);
    const text = await page.text();
    // An address can be followed; everything else is what it says.
    const link = 'http://127.0.0.1/confirm?token=abc';
    expect(text).toContain(`<a href="${link}" target="_blank" rel="noreferrer">${link}</a> &lt;script&gt;`);
    expect(text).not.toContain('<script>');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('says so when nothing has come, and has nothing else', async () => {
    const inbox = await runInbox();
    expect(await (await fetch(inbox.url)).text()).toContain('No mail has come');
    expect(await (await fetch(`${inbox.url}/mails.json`)).json()).toEqual([]);
    expect((await fetch(`${inbox.url}/x`)).status).toBe(404);
    expect((await fetch(inbox.url, { method: 'POST' })).status).toBe(405);
  });

  it('refuses a mail that is too large, and takes the next one', async () => {
    const inbox = await runInbox();
    const large = Array.from({ length: 1_100 }, () => 'x'.repeat(998));
    expect(await speak(inbox, toMail('ada@example.com', ['Subject: Large', '', ...large]))).toContain('450');
    await speak(inbox, toMail('ada@example.com', ['Subject: Small', '', 'x']));
    expect(await (await fetch(`${inbox.url}/mails.json`)).json()).toMatchObject([{ subject: 'Small' }]);
  });

  it('keeps the newest 500', async () => {
    const inbox = await runInbox();
    const one = (number: number) => toMail('ada@example.com', [`Subject: ${number}`, '', 'x']).slice(1, -1);
    const many = Array.from({ length: 502 }, (_, index) => one(index + 1)).flat();
    await speak(inbox, ['EHLO kernel', ...many, 'QUIT']);
    const mails: unknown = await (await fetch(`${inbox.url}/mails.json`)).json();
    expect(mails).toHaveLength(500);
    expect(mails).toMatchObject({ 0: { subject: '502' }, 499: { subject: '3' } });
  });

  it('says which port it can not have', async () => {
    const inbox = await runInbox();
    const taken = Number(new URL(inbox.url).port);
    await expect(startMailInbox({ smtp: 0, http: taken })).rejects.toThrow(
      `The mail inbox can't listen on port ${taken}`,
    );
  });
});
