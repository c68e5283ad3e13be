import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeMail } from '../../kernel/app/mail/mail-text.ts';

const CONSOLE = 'https://console.example.com';
const EXPIRES_AT = Date.UTC(2030, 0, 8, 12);
const signup = (workspaceName: string) =>
  writeMail({ template: 'signup', workspaceName, token: 'tok_-1', expiresAt: EXPIRES_AT }, CONSOLE);
const invitation = (workspaceName: string, inviter = 'Ada') =>
  writeMail({ template: 'invitation', workspaceName, inviter, token: 'tok_-1', expiresAt: EXPIRES_AT }, CONSOLE);

const trialEnding = (fields: object = {}) =>
  writeMail(
    {
      template: 'trial_ending',
      ...{ workspaceName: 'Acme & Sons', planName: 'AgentRuntime Pro', becomesPaid: false, expiresAt: EXPIRES_AT },
      ...fields,
    },
    CONSOLE,
  );
const paymentFailed = (fields: object = {}) =>
  writeMail(
    {
      template: 'payment_failed',
      ...{ workspaceName: 'Acme & Sons', planName: 'AgentRuntime Pro' },
      ...{ graceEndsAt: EXPIRES_AT, expiresAt: EXPIRES_AT + 86_400_000 },
      ...fields,
    },
    CONSOLE,
  );

describe('a mail', () => {
  test('of a signup says what it is about, with a link whose token no server sees', () => {
    const { subject, text, html } = signup('Acme & Sons');
    expect(subject).toBe('Confirm your new workspace');
    expect(text).toContain('“Acme & Sons”');
    expect(text).toContain(`\n${CONSOLE}/confirm-signup#token=tok_-1\n`);
    expect(text).toContain('Tue, 08 Jan 2030 12:00:00 GMT');
    expect(html).toContain(`href="${CONSOLE}/confirm-signup#token=tok_-1"`);
    expect(html).toContain('Acme &amp; Sons');
  });

  test('of an invitation says who invites, and to what', () => {
    const { subject, text } = invitation('Acme', 'Ada Lovelace');
    expect(subject).toBe('Invitation to the workspace “Acme”');
    expect(text).toContain('“Ada Lovelace” invites you to the workspace “Acme”.');
    expect(text).toContain(`${CONSOLE}/accept-invitation#token=tok_-1`);
  });

  test('of a trial that ends says when, what follows, and where that can be changed', () => {
    const { subject, text, html } = trialEnding();
    expect(subject).toBe('The trial of the workspace “Acme & Sons” ends soon');
    expect(text).toContain(
      'The trial of the plan “AgentRuntime Pro” in the workspace “Acme & Sons” ends on Tue, 08 Jan 2030 12:00:00 GMT.',
    );
    expect(text).toContain(`See plan and payment:\n${CONSOLE}/settings/billing\n`);
    expect(text).toContain('goes on without this plan');
    expect(text).not.toMatch(/is charged|once\.$/m);
    expect(html).toContain(`<a href="${CONSOLE}/settings/billing">`);
    expect(html).toContain('Acme &amp; Sons');
    const paid = trialEnding({ becomesPaid: true }).text;
    expect(paid).toContain('the stored payment method is charged');
    expect(paid).not.toContain('goes on without this plan');
  });

  test('of a payment that failed says until when it can be made up for, and where', () => {
    const { subject, text, html } = paymentFailed({ paymentUrl: 'https://pay.example/i/1?a="b"&c=<d>' });
    expect(subject).toBe('A payment for the workspace “Acme & Sons” failed');
    expect(text).toContain('A payment of the plan “AgentRuntime Pro” for the workspace “Acme & Sons” failed.');
    expect(text).toContain('Pay what is open:\nhttps://pay.example/i/1?a=%22b%22&c=%3Cd%3E\n');
    expect(html).toContain('href="https://pay.example/i/1?a=%22b%22&amp;c=%3Cd%3E"');
    expect(text).toContain('Everything stays as it is until Tue, 08 Jan 2030 12:00:00 GMT: pay before.');
    const late = paymentFailed({ graceEndsAt: undefined }).text;
    expect(late).toContain('keeps the plan only if this is paid');
    expect(late).not.toContain('Everything stays');
  });

  test.each([undefined, '', 'javascript:alert(1)', 'data:text/html,x', '/relative', 'https://', 'card_declined'])(
    'of a payment that failed leads to the Console where %j is no page to pay on',
    (paymentUrl) => {
      const { text, html } = paymentFailed({ paymentUrl });
      expect(text).toContain(`See plan and payment:\n${CONSOLE}/settings/billing\n`);
      expect(html).not.toMatch(/javascript|data:|card_declined/);
    },
  );

  test('of an endpoint that was switched off says which, since when and why, and makes no link of its address', () => {
    const since = { failingSince: EXPIRES_AT, expiresAt: EXPIRES_AT + 86_400_000 };
    const content = {
      template: 'alert_endpoint_disabled',
      workspaceName: 'Acme',
      host: 'hooks.acme.example:8443',
    } as const;
    const { subject, text, html } = writeMail({ ...content, isGone: false, ...since }, CONSOLE);
    expect(subject).toBe('Alerts of the workspace “Acme” are not delivered any more');
    expect(text).toContain('at “hooks . acme . example:8443” of the workspace “Acme” was switched off');
    expect(text).toContain('nothing got through since Tue, 08 Jan 2030 12:00:00 GMT');
    expect(text).toContain(`See the alert endpoints:\n${CONSOLE}/settings/alerts\n`);
    expect(html).not.toContain('acme.example');
    const gone = writeMail({ ...content, workspaceName: 'evil.example', isGone: true, ...since }, CONSOLE);
    expect(gone.text).toContain('of your workspace was switched off: it answered that it is gone.');
  });

  test('of an automatic top-up that was stopped says why, and that nothing was charged', () => {
    const content = { template: 'auto_top_up_stopped', workspaceName: 'Acme', because: 'requires_action' } as const;
    const { subject, text } = writeMail({ ...content, expiresAt: EXPIRES_AT }, CONSOLE);
    expect(subject).toBe('Credits for the workspace “Acme” are not bought automatically any more');
    expect(text).toContain('was stopped: the bank wants to see its customer for the payment. Nothing was charged.');
    expect(text).toContain('It goes on with another default payment method, or when it is set again.');
    expect(text).toContain(`:\n${CONSOLE}/settings/billing\n`);
    const returned = writeMail({ ...content, because: 'returned', expiresAt: EXPIRES_AT }, CONSOLE).text;
    expect(returned).toContain('was stopped: money of a purchase went back, or a payment was disputed.');
    expect(returned).toContain('It goes on when it is set again.');
    expect(returned).not.toContain('Nothing was charged');
  });

  test('that tells of something shows no markup, and no name that a mail reader would make a link of', () => {
    for (const write of [trialEnding, paymentFailed]) {
      const { html } = write({ workspaceName: '<b>Acme</b>', planName: '<script>alert(1)</script>' });
      expect(html).not.toMatch(/<b>|<script/);
      const { subject, text } = write({ workspaceName: 'evil.example', planName: 'www.evil' });
      expect(subject).toMatch(/your workspace (ends soon|failed)$/);
      expect(text).not.toMatch(/evil|of the plan/);
    }
  });

  test('shows no markup of whoever named something', () => {
    const { html } = invitation('<b onclick="x">Acme</b>', '</p><script>alert(1)</script>');
    expect(html).not.toMatch(/<b |<script|onclick="/);
    expect(html).toContain('&lt;script&gt;');
  });

  test.each([
    'http://evil',
    'Go to https://evil.example/x',
    'www.evil',
    'evil.example',
    'mail me@evil',
    'mailto:evil',
    'bücher.de',
    // The same, in other characters that browsers and mail readers take for these.
    'cafe\u0301.example',
    'evil.e\u0301xample',
    'evil\u3002example',
    'evil\uff0eexample',
    'evil\uff61example',
    'evil\u2024example',
    '192.0.2.1/x',
  ])('leaves out the name %s, which a mail reader would make a link of', (name) => {
    for (const { subject, text, html } of [signup(name), invitation(name, name)]) {
      for (const part of [subject, text.replaceAll(CONSOLE, ''), html.replaceAll(CONSOLE, '')]) {
        expect(part).not.toContain(name);
      }
    }
    expect(invitation(name, name).subject).toBe('Invitation to a workspace');
  });

  test.each(['Acme Inc.', 'Release 1.2.3', 'A. B. Sons', 'Smith & Co', '3.5 %', 'Zürich…'])(
    'shows the name %s',
    (name) => {
      expect(invitation(name).subject).toBe(`Invitation to the workspace “${name}”`);
    },
  );

  test('has a subject of one line, whatever a workspace is called', () => {
    const { subject } = invitation('Acme\r\nBcc: all@example.com\u2028x');
    expect(subject).toBe('Invitation to a workspace');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (name) => {
        const { subject: line } = invitation(name);
        expect(line).not.toMatch(/[\r\n\u2028\u2029\0]/);
        expect(line.length).toBeLessThan(220);
      }),
    );
    expect(invitation(`a\n${'b'.repeat(200)}`).subject).toMatch(/^Invitation to the workspace “a b{78}…”$/);
  });
});
