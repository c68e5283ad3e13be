// SignupService: from an address to one workspace, whatever happens in between. The mails go over real SMTP.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import { OperatorServiceService, SetKillSwitchRequest } from '../../gen/wheelhouse/operator/v1/operator_service.ts';
import { TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { SignupStatus } from '../../gen/wheelhouse/tenant/v1/signup.ts';
import {
  ConfirmSignupRequest,
  ResendSignupRequest,
  SignupServiceService,
  StartSignupRequest,
} from '../../gen/wheelhouse/tenant/v1/signup_service.ts';
import { MAILS_PER_HOUR_MAX } from '../../kernel/app/mail/stored-outbox.ts';
import type { SignupStore } from '../../kernel/app/signup/ports.ts';
import { SIGNUP_LIFETIME_MS } from '../../kernel/app/signup/signup-service.ts';
import type { ProductCode } from '../../kernel/domain/id.ts';
import { type MailServer, startMailServer, tokenOf } from '../support/mail-server.ts';
import { type Callers, callersOf, newcomer, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import {
  type Adaptation,
  composeKernel,
  type KernelFixture,
  newRequestId,
  openKernel,
} from './support/kernel-fixture.ts';
import { override } from './support/override.ts';

const ANYONE = { metadata: { 'x-product-code': 'agentruntime' } };
const SECOND_MS = 1_000;

let kernel: KernelFixture;
let callers: Callers;
let mailServer: MailServer;
let addressNumber = 0;

beforeAll(async () => {
  mailServer = await startMailServer();
  kernel = await openKernel({
    mail: {
      smtpUrl: mailServer.url,
      from: 'Wheelhouse <no-reply@example.com>',
    },
    consoleUrls: new Map([['agentruntime' as ProductCode, 'http://127.0.0.1:1']]),
  });
  callers = callersOf(kernel);
});
afterAll(async () => {
  await kernel.close();
  await mailServer.stop();
});

function newAddress(): string {
  addressNumber += 1;
  return `person${addressNumber}@example.com`;
}

function start(fields: Partial<StartSignupRequest> = {}, from = callers, settings = ANYONE) {
  const whole = { requestId: newRequestId(), email: newAddress(), workspaceName: 'Acme', ...fields };
  return from.bff.call(SignupServiceService.startSignup, StartSignupRequest.fromPartial(whole), settings);
}

const resend = (signupId: string, { from = callers.bff, settings = ANYONE, requestId = newRequestId() } = {}) =>
  from.call(SignupServiceService.resendSignup, ResendSignupRequest.fromPartial({ signupId, requestId }), settings);

/** A person who is signed in, by the address that the issuer vouches for. */
const person = (email: string | undefined, subject = `usr_${email}`) => {
  const { metadata } = newcomer('agentruntime', subject);
  return { metadata: email === undefined ? metadata : { ...metadata, 'x-email': encodeURIComponent(email) } };
};

const confirm = (token: string, settings: ReturnType<typeof person>, from = callers) =>
  from.bff.call(SignupServiceService.confirmSignup, ConfirmSignupRequest.fromPartial({ token }), settings);

/** Waits for so many mails to an address, and answers the tokens in their order. */
async function tokensFor(email: string, count = 1): Promise<readonly string[]> {
  const mails = () => mailServer.taken.filter(({ to }) => to.includes(email));
  await expect.poll(() => mails().length).toBe(count);
  return mails().map(tokenOf);
}

/** Starts a signup, and reads its mail. */
async function started(fields: Partial<StartSignupRequest> = {}) {
  const email = fields.email ?? newAddress();
  const { signup } = await start({ ...fields, email });
  const [token = ''] = await tokensFor(email.toLowerCase());
  return { email: email.toLowerCase(), token, signupId: signup?.signupId ?? '' };
}

const signups = () => kernel.connection.collection<{ readonly signup_id: string }>('signups');
const countTenants = (signupId: string) =>
  kernel.connection.collection('tenants').countDocuments({ request_key: { $regex: `${signupId}$` } });

describe('StartSignup', () => {
  test('needs nobody to be signed in, and mails a token that is in the mail alone', async () => {
    const before = Date.now();
    const { signup, replayed } = await start({ email: 'Ada@Example.COM', workspaceName: 'Ada & Co' });
    expect(replayed).toBe(false);
    expect(signup).toMatchObject({
      signupId: expect.stringMatching(/^sgn_[0-9a-f]{8}-[0-9a-f]{4}-7/),
      email: 'ada@example.com',
      workspaceName: 'Ada & Co',
      status: SignupStatus.PENDING,
    });
    expect((signup?.expireTime?.getTime() ?? 0) - before).toBeGreaterThan(SIGNUP_LIFETIME_MS - 60 * SECOND_MS);
    const [token = ''] = await tokensFor('ada@example.com');
    await expect.poll(() => kernel.connection.collection('mail_outbox').countDocuments({ state: 'pending' })).toBe(0);
    for (const { name } of (await kernel.connection.db?.listCollections().toArray()) ?? []) {
      const rows = await kernel.connection.collection(name).find().toArray();
      const text = JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? String(value) : value));
      expect([name, text.includes(token)]).toEqual([name, false]);
    }
    expect(kernel.logLines.join('')).not.toContain(token);
  });

  test('sends one mail for one request, however often and at once it comes', async () => {
    const [requestId, email] = [newRequestId(), newAddress()];
    const answers = await Promise.all(Array.from({ length: 10 }, () => start({ requestId, email })));
    expect(new Set(answers.map(({ signup }) => signup?.signupId)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const [token = ''] = await tokensFor(email, 1);
    expect((await confirm(token, person(email))).workspace?.tenant?.displayName).toBe('Acme');
    const other = await failureOf(start({ requestId, email, workspaceName: 'Other' }));
    expect(other).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', code: status.ALREADY_EXISTS });
    // Somebody else, who is nobody too, may have taken the same id.
    expect((await start({ requestId, email: newAddress() })).replayed).toBe(false);
  });

  test('answers the same whether an address is known or not', async () => {
    const known = await started();
    await confirm(known.token, person(known.email));
    const shapes = [await start({ email: known.email }), await start()].map(({ signup, replayed }) => ({
      fields: Object.keys(signup ?? {}),
      status: signup?.status,
      replayed,
    }));
    expect(shapes[0]).toEqual(shapes[1]);
  });

  test('refuses more mails to an address than it may have, and keeps no signup of those', async () => {
    const email = newAddress();
    for (let count = 0; count < MAILS_PER_HOUR_MAX.signup; count += 1) await start({ email });
    const failure = await failureOf(start({ email }));
    expect(failure).toMatchObject({ reason: 'MAIL_LIMIT_REACHED', code: status.RESOURCE_EXHAUSTED });
    expect(failure.retryDelayMs).toBeGreaterThan(0);
    expect(await signups().countDocuments({ email })).toBe(MAILS_PER_HOUR_MAX.signup);
  });

  test('is for BFFs alone, and for the product of theirs', async () => {
    for (const caller of [callers.internal, callers.sysadmin]) {
      const request = StartSignupRequest.fromPartial({ requestId: 'x', email: 'a@b', workspaceName: 'x' });
      expect(await failureOf(caller.call(SignupServiceService.startSignup, request))).toMatchObject({
        reason: 'SCOPE_DENIED',
      });
    }
    const { signup } = await start();
    expect(await signups().findOne({ signup_id: signup?.signupId ?? '' })).toMatchObject({
      product_code: 'agentruntime',
    });
  });

  test.each([
    ['request_id', { requestId: '' }],
    ['email', { email: '' }],
    ['email', { email: 'nobody' }],
    ['email', { email: 'a@b, c@d' }],
    ['email', { email: 'a@b\r\nBcc: c@d' }],
    ['email', { email: '"a"@b' }],
    ['email', { email: `${'a'.repeat(250)}@b.de` }],
    ['workspace_name', { workspaceName: '' }],
    ['workspace_name', { workspaceName: 'x'.repeat(101) }],
    ['workspace_name', { workspaceName: 'a\r\nb' }],
  ])('refuses a wrong %s', async (field, fields) => {
    const failure = await failureOf(start(fields));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', violations: { [field]: expect.any(String) } });
  });
});

describe('ResendSignup', () => {
  test('mails another token; the one before stops to work', async () => {
    const { email, token, signupId } = await started();
    const { signup } = await resend(signupId);
    expect(signup).toMatchObject({ signupId, status: SignupStatus.PENDING });
    const [, second = ''] = await tokensFor(email, 2);
    expect(second).not.toBe(token);
    expect(await failureOf(confirm(token, person(email)))).toMatchObject({ reason: 'SIGNUP_NOT_FOUND' });
    expect((await confirm(second, person(email))).replayed).toBe(false);
    expect(await failureOf(resend(signupId))).toMatchObject({
      reason: 'SIGNUP_ENDED',
      metadata: { status: 'confirmed' },
    });
  });

  test('again with its key mails nothing more, also when the signup was confirmed meanwhile', async () => {
    const { email, signupId } = await started();
    const requestId = newRequestId();
    expect((await resend(signupId, { requestId })).replayed).toBe(false);
    const [, second = ''] = await tokensFor(email, 2);
    expect(await resend(signupId, { requestId })).toMatchObject({ replayed: true, signup: { signupId } });
    await confirm(second, person(email));
    expect(await resend(signupId, { requestId })).toMatchObject({
      replayed: true,
      signup: { status: SignupStatus.CONFIRMED },
    });
    expect(await tokensFor(email, 2)).toHaveLength(2);
    const failure = await failureOf(resend(signupId, { requestId: 'no key' }));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', violations: { request_id: expect.any(String) } });
  });

  test('where the address may have no more mails leaves the token before as it is', async () => {
    const { email, token, signupId } = await started();
    for (let count = 1; count < MAILS_PER_HOUR_MAX.signup; count += 1) await start({ email });
    expect(await failureOf(resend(signupId))).toMatchObject({ reason: 'MAIL_LIMIT_REACHED' });
    expect((await confirm(token, person(email))).workspace?.tenant?.displayName).toBe('Acme');
  });

  test('does not find a signup of another product, or none', async () => {
    const { signupId } = await started();
    const other = { metadata: { 'x-product-code': 'otherproduct' } };
    const foreign = await failureOf(resend(signupId, { from: callers.otherBff, settings: other }));
    const missing = await failureOf(resend('sgn_01890000-0000-7000-8000-00000000dead'));
    expect(foreign).toMatchObject({ reason: 'SIGNUP_NOT_FOUND', code: status.NOT_FOUND });
    expect(foreign.message).toBe(missing.message);
  });
});

describe('ConfirmSignup', () => {
  test('makes the workspace and its account for whoever owns the address', async () => {
    const { email, token, signupId } = await started({ workspaceName: 'Ada & Co' });
    const { workspace, replayed } = await confirm(token, person(email));
    expect(replayed).toBe(false);
    expect(workspace).toMatchObject({
      tenant: { productCode: 'agentruntime', displayName: 'Ada & Co', planCode: 'free' },
      role: Role.TENANT_ADMIN,
    });
    expect(await callers.seqOf(workspace?.tenant?.tenantId ?? '')).toBeGreaterThan(0n);
    expect(await confirm(token, person(email))).toEqual({ workspace, replayed: true });
    expect(await countTenants(signupId)).toBe(1);
  });

  test('20 times at once, over two kernels, makes one workspace', async () => {
    const { email, token, signupId } = await started();
    const second = await composeKernel({ mongodbUri: kernel.mongodbUri });
    try {
      const there = callersOf(second);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => confirm(token, person(email), index % 2 === 0 ? callers : there)),
      );
      expect(new Set(answers.map(({ workspace }) => workspace?.tenant?.tenantId)).size).toBe(1);
      expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect(await countTenants(signupId)).toBe(1);
      const tenantId = answers[0]?.workspace?.tenant?.tenantId ?? '';
      const count = (collection: string, filter: object) =>
        kernel.connection.collection(collection).countDocuments({ tenant_id: tenantId, ...filter });
      // The account was opened, and its trial was started, each once; the place of the trial is the person's only one.
      expect(await callers.seqOf(tenantId)).toBe(2n);
      expect(await count('ledger_commits', {})).toBe(2);
      expect(await count('trial_slots', { claimed_until: { $exists: false } })).toBe(1);
      expect(await callers.internal.call(TrialServiceService.getTrial, { tenantId })).toMatchObject({
        trial: { planCode: 'pro' },
      });
    } finally {
      await second.close();
    }
  });

  test('by two people of one address at once makes one workspace, for one of them', async () => {
    const { email, token, signupId } = await started();
    const calls = Array.from({ length: 10 }, (_, index) => confirm(token, person(email, `usr_${index % 2}`)));
    const results = await Promise.allSettled(calls);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(5);
    expect(await countTenants(signupId)).toBe(1);
    const winner = results.findIndex((result) => result.status === 'fulfilled') % 2;
    const loser = `usr_${1 - winner}`;
    expect(await failureOf(confirm(token, person(email, loser)))).toMatchObject({
      reason: 'SIGNUP_ENDED',
      code: status.FAILED_PRECONDITION,
      metadata: { status: 'confirmed' },
    });
  });

  test('is refused to whoever has not the address, or whose issuer does not vouch for it', async () => {
    const signup = await started();
    const { token, signupId } = signup;
    expect(await failureOf(confirm(token, person(undefined, 'usr_x')))).toMatchObject({
      reason: 'EMAIL_NOT_VERIFIED',
      code: status.FAILED_PRECONDITION,
    });
    expect(await failureOf(confirm(token, person('else@example.com')))).toMatchObject({ reason: 'EMAIL_MISMATCH' });
    expect(await failureOf(confirm(token, ANYONE as ReturnType<typeof person>))).toMatchObject({
      reason: 'ROLE_REQUIRED',
    });
    expect(await countTenants(signupId)).toBe(0);
  });

  test('with the token of another product, a wrong one or none does not find it, in the same words', async () => {
    const { email, token } = await started();
    const abroad = { metadata: { ...person(email).metadata, 'x-product-code': 'otherproduct' } };
    const request = ConfirmSignupRequest.fromPartial({ token });
    const foreign = await failureOf(callers.otherBff.call(SignupServiceService.confirmSignup, request, abroad));
    const wrong = await failureOf(confirm(`${token.slice(0, -1)}_`, person(email)));
    expect(foreign).toMatchObject({ reason: 'SIGNUP_NOT_FOUND', code: status.NOT_FOUND });
    expect(wrong.message).toBe(foreign.message);
    const empty = await failureOf(confirm('', person(email)));
    expect(empty).toMatchObject({ reason: 'INVALID_FIELD', violations: { token: expect.any(String) } });
  });

  test('is too late after the expiry', async () => {
    const { email, token, signupId } = await started();
    await signups().updateOne({ signup_id: signupId }, { $set: { expires_at: new Date(Date.now() - SECOND_MS) } });
    const expected = { reason: 'SIGNUP_ENDED', metadata: { status: 'expired' } };
    expect(await failureOf(confirm(token, person(email)))).toMatchObject(expected);
    expect(await failureOf(resend(signupId))).toMatchObject(expected);
  });

  test('waits while signups are off; what is confirmed already is still answered', async () => {
    const [open, done] = [await started(), await started()];
    const { workspace } = await confirm(done.token, person(done.email));
    await setSignups(false);
    try {
      for (const call of [() => confirm(open.token, person(open.email)), () => start(), () => resend(open.signupId)]) {
        expect(await failureOf(call())).toMatchObject({
          reason: 'KILL_SWITCH_OFF',
          metadata: { kill_switch: 'SIGNUPS_ENABLED' },
        });
      }
      expect(await confirm(done.token, person(done.email))).toEqual({ workspace, replayed: true });
    } finally {
      await setSignups(true);
    }
    expect((await confirm(open.token, person(open.email))).replayed).toBe(false);
  });
});

const setSignups = (enabled: boolean) =>
  callers.sysadmin.call(
    OperatorServiceService.setKillSwitch,
    SetKillSwitchRequest.fromPartial({
      requestId: newRequestId(),
      name: KillSwitchName.SIGNUPS_ENABLED,
      enabled,
      ...OPERATOR,
    }),
  );

const died = (): Promise<never> => Promise.reject(new Error('injected: the kernel died here'));

/** Dies before, or right after, a step of the store. */
function dying<Name extends keyof SignupStore>(name: Name, when: 'before' | 'after') {
  return (real: SignupStore): SignupStore => {
    const step = real[name] as (...args: unknown[]) => Promise<unknown>;
    const fault = when === 'before' ? died : (...args: unknown[]) => step(...args).then(died);
    // The step has the arguments and, until it dies, the answer of the one that it stands for.
    return override(real, { [name]: fault } as Partial<SignupStore>);
  };
}

const CRASHES: readonly (readonly [string, Adaptation])[] = [
  ['before the person has it', { signupStore: dying('claim', 'before') }],
  ['when the person has it', { signupStore: dying('claim', 'after') }],
  ['before the workspace is stored', { tenantStore: (real) => override(real, { insertTenant: died }) }],
  [
    'when the workspace is stored',
    { tenantStore: (real) => override(real, { insertTenant: (record) => real.insertTenant(record).then(died) }) },
  ],
  ['before the account is open', { ledger: (real) => override(real, { openAccount: died }) }],
  [
    'when the account is open',
    {
      ledger: (real) => override(real, { openAccount: (tenant, input) => real.openAccount(tenant, input).then(died) }),
    },
  ],
  ['before the signup is confirmed', { signupStore: dying('saveConfirmed', 'before') }],
  ['when the signup is confirmed', { signupStore: dying('saveConfirmed', 'after') }],
];

describe.each(CRASHES)('a kernel that dies %s', (where, adapt) => {
  async function crash() {
    const signup = await started();
    const faulty = await composeKernel({ mongodbUri: kernel.mongodbUri, ...adapt });
    const failure = await failureOf(confirm(signup.token, person(signup.email), callersOf(faulty)));
    expect(failure.reason).toBe('INTERNAL');
    await faulty.close();
    return signup;
  }

  test('leaves it to the person’s next call', async () => {
    const { email, token, signupId } = await crash();
    const { workspace } = await confirm(token, person(email));
    expect(await countTenants(signupId)).toBe(1);
    expect(await callers.seqOf(workspace?.tenant?.tenantId ?? '')).toBeGreaterThan(0n);
    expect(await signups().findOne({ signup_id: signupId })).toMatchObject({
      state: 'confirmed',
      tenant_id: workspace?.tenant?.tenantId,
    });
  });

  test('leaves it to the worker, once somebody has confirmed it', async () => {
    const { signupId } = await crash();
    const isBegun = where !== 'before the person has it';
    // As if the crash was a while ago.
    await signups().updateOne({ signup_id: signupId, state: 'confirming' }, { $set: { due_at: new Date(0) } });
    if (isBegun) {
      await expect
        .poll(async () => (await signups().findOne({ signup_id: signupId }))?.['state' as never])
        .toBe('confirmed');
    }
    expect(await countTenants(signupId)).toBe(isBegun ? 1 : 0);
  });
});

describe.each(['before', 'after'] as const)('a kernel that dies %s it stores the mail of a signup', (when) => {
  test('leaves the mail to the retry of the request', async () => {
    const [requestId, email] = [newRequestId(), newAddress()];
    const faulty = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      mailStore: (real) =>
        override(real, { insertMail: (mail) => (when === 'before' ? died() : real.insertMail(mail).then(died)) }),
    });
    expect(await failureOf(start({ requestId, email }, callersOf(faulty)))).toMatchObject({ reason: 'INTERNAL' });
    await faulty.close();
    if (when === 'before') {
      // The first call might be at it still.
      expect(await failureOf(start({ requestId, email }))).toMatchObject({ reason: 'OUTCOME_UNKNOWN' });
      await signups().updateOne({ email }, { $set: { token_at: new Date(0) } });
    }
    const answers = await Promise.all(Array.from({ length: 10 }, () => start({ requestId, email })));
    expect(answers.every(({ replayed }) => replayed)).toBe(true);
    const [token = ''] = await tokensFor(email);
    expect((await confirm(token, person(email))).workspace?.tenant?.displayName).toBe('Acme');
  });
});
