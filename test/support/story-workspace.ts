/**
 * Owns: workspaces of the stories of subscriptions, whose administrator acts over REST and on Stripe's pages, and what can be seen of
 * them.
 * Does not own: what happens in a story, and what is expected of it.
 * Invariant: people act only over REST and on pages; operators and services only over gRPC.
 */

import type { Stripe } from 'stripe';
import { expect } from 'vitest';
import type { KernelClient } from '../../dev/kernel-client.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { LedgerAuditServiceService, VerifyLedgerRequest } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { DebitRequest, GrantRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { MemberServiceService, PutMemberRequest } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { fetchDocumented } from './documented-answer.ts';
import { type PageAnswer, sendCard } from './hosted-form.ts';
import type { TestStack } from './stack.ts';
import { CONSOLE_URL, PRODUCT, type StoryStage } from './story-stage.ts';

/** Is one credit, in microcredits. */
export const CREDIT = 1_000_000;
const BY_OPERATOR = { actor: 'usr_operator', reason: 'test' } as const;

/** An answer over REST. */
export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

let peopleCount = 0;

/** A person whom nobody knew before. */
async function newPerson({ issuer }: TestStack) {
  peopleCount += 1;
  const [userId, email] = [`usr_story_${peopleCount}`, `story-${peopleCount}@example.com`];
  return { userId, email, token: await issuer.mint({ productCode: PRODUCT, userId, email }) };
}

/** One workspace, and what its administrator does. */
export class StoryWorkspace {
  readonly tenantId: string;
  /** Are the addresses of its administrators, the one who acts first. */
  readonly emails: string[];
  readonly #stage: StoryStage;
  readonly #token: string;

  private constructor(stage: StoryStage, tenantId: string, email: string, token: string) {
    this.#stage = stage;
    this.tenantId = tenantId;
    this.emails = [email];
    this.#token = token;
  }

  /** Has a person make a workspace, which begins with the trial of the plan for newcomers. */
  static async make(stage: StoryStage): Promise<StoryWorkspace> {
    const { email, token } = await newPerson(stage.stack);
    const made = await send(stage, token, {
      ...{ method: 'POST', path: '/v1/workspaces', body: { display_name: 'A story' } },
    });
    expect(made.status).toBe(201);
    return new StoryWorkspace(stage, String(made.body['workspace_id']), email, token);
  }

  /** Has an operator make a workspace on the free plan for a person. */
  static async free(stage: StoryStage): Promise<StoryWorkspace> {
    const { userId, email, token } = await newPerson(stage.stack);
    const tenantId = await stage.stack.createTenant(PRODUCT, 'free');
    const workspace = new StoryWorkspace(stage, tenantId, email, token);
    await workspace.#putAdmin(userId, email);
    return workspace;
  }

  /** Makes somebody else an administrator, too. */
  async addAdmin(): Promise<void> {
    const { userId, email } = await newPerson(this.#stage.stack);
    await this.#putAdmin(userId, email);
    this.emails.push(email);
  }

  async #putAdmin(subject: string, email: string): Promise<void> {
    const { stack } = this.#stage;
    const who = { issuer: stack.issuer.url, subject, email, tenantAdmin: true };
    const request = { requestId: `story:${subject}`, tenantId: this.tenantId, ...who, ...BY_OPERATOR };
    await this.#operator.call(MemberServiceService.putMember, PutMemberRequest.fromPartial(request));
  }

  get #operator(): KernelClient {
    return this.#stage.stack.connect(this.#stage.stack.credentials.sysadmin);
  }

  /** Asks for something under `/v1/billing`, whatever the answer. */
  send(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<RestAnswer> {
    return send(this.#stage, this.#token, { method, path: `/v1/billing${path}`, body, headers });
  }

  /** Reads something under `/v1/billing`. */
  async get(path: string): Promise<RestAnswer['body']> {
    return answered(path, await this.send('GET', path));
  }

  /** Asks for something under `/v1/billing` that is to be done. */
  async post(path: string, body?: object): Promise<RestAnswer['body']> {
    return answered(path, await this.send('POST', path, body));
  }

  /** Asks for something under `/v1/billing` that is to be refused. */
  async refused(path: string, body?: object): Promise<RestAnswer['body']> {
    const { status, headers, body: problem } = await this.send('POST', path, body);
    expect(headers.get('content-type')).toBe('application/problem+json');
    return { ...problem, status };
  }

  /** What it has: plan, subscription and trial. */
  async state(): Promise<StoryState> {
    const [state, usage] = [await this.get('/subscription'), await this.get('/usage')];
    // The shapes of these answers are held by a test of their own.
    return { ...state, ...usage } as unknown as StoryState;
  }

  /** Stores a card on Stripe's page, after what the bank asks for where it does; the first one becomes the default. */
  async storeCard(card?: string, consent: object = {}, confirm?: (page: string) => Promise<PageAnswer>): Promise<void> {
    const setup = { hosted_page: true, return_path: '/settings/billing', ...consent };
    const before = await this.cards();
    const { url } = await this.post('/payment-methods/setup', setup);
    const sent = await sendCard(String(url), card);
    const confirmed = confirm === undefined ? sent : await confirm(String(sent.location));
    if (confirm === undefined) expect(confirmed.location).toBe(`${CONSOLE_URL}/settings/billing`);
    await expect.poll(() => this.cards()).toHaveLength(before.length + 1);
    await expect.poll(async () => (await this.cards()).some(({ is_default }) => is_default)).toBe(true);
  }

  async cards(): Promise<readonly StoredCard[]> {
    return (await this.get('/payment-methods'))['payment_methods'] as readonly StoredCard[];
  }

  /** Pays with the card from now on that ends so. */
  async payWith(last4: string): Promise<void> {
    const method = (await this.cards()).find(({ card }) => card.last4 === last4);
    const body = { payment_method_id: method?.payment_method_id };
    const chosen = await this.send('PUT', '/payment-methods/default', body);
    expect(chosen).toMatchObject({ status: 200, body: { is_default: true, card: { last4 } } });
  }

  /** Has an operator grant pay-as-you-go credits. */
  async grantPayg(microcredits: number): Promise<void> {
    const grant = { bucket: Bucket.PAYG, microcredits: BigInt(microcredits), ...BY_OPERATOR };
    const request = { requestId: `story:payg:${this.tenantId}`, tenantId: this.tenantId, ...grant };
    await this.#operator.call(LedgerServiceService.grant, GrantRequest.fromPartial(request));
  }

  /** Has a service charge for work that costs so many credits. */
  async use(credits: number): Promise<void> {
    const work = { action: 'memory_index_file_mb', quantity: String(credits) };
    const requestId = `story:${await this.#stage.now()}:${credits}`;
    const request = DebitRequest.fromPartial({ requestId, tenantId: this.tenantId, ...work });
    await this.#stage.internal.call(LedgerServiceService.debit, request);
  }

  /** Makes a personal access token that can do what its administrator can. */
  async makeAccessToken(): Promise<string> {
    const body = { display_name: 'A program', role: 'tenant_admin' };
    const headers = { 'x-workspace-id': this.tenantId };
    const made = await send(this.#stage, this.#token, { method: 'POST', path: '/v1/tokens', body, headers });
    expect(made.status).toBe(201);
    return String(made.body['token']);
  }

  /** Closes it, for ever. */
  async close(): Promise<void> {
    const path = `/v1/workspaces/${this.tenantId}/close`;
    expect(await send(this.#stage, this.#token, { method: 'POST', path })).toMatchObject({ status: 200 });
  }

  /** The workspace's customer at Stripe; undefined where there is none. */
  async customer(): Promise<Stripe.Customer | undefined> {
    const { data } = await this.#stage.stripe.stripe.customers.list({ limit: 100 });
    return data.find(({ metadata }) => metadata['tenant_id'] === this.tenantId);
  }

  /** What the workspace was charged until now, in cents, oldest first. */
  async charged(): Promise<readonly number[]> {
    const customer = (await this.customer())?.id;
    if (customer === undefined) return [];
    const { data } = await this.#stage.stripe.stripe.charges.list({ customer, limit: 100 });
    const paid = data.filter(({ paid: isPaid }) => isPaid);
    return paid.map(({ amount }) => amount).toReversed();
  }

  /** The states of its subscriptions at Stripe, newest first. */
  async statesAtStripe(): Promise<readonly string[]> {
    const customer = (await this.customer())?.id;
    if (customer === undefined) return [];
    const { data } = await this.#stage.stripe.stripe.subscriptions.list({ customer, status: 'all' });
    return data.map(({ status }) => status);
  }

  /** Waits until the account is so. */
  async expectState(expected: object): Promise<void> {
    await expect.poll(() => this.state(), { interval: 100 }).toMatchObject(expected);
  }

  /** Expects that the ledger of the workspace is sound. */
  async expectSound(): Promise<void> {
    const request = VerifyLedgerRequest.fromPartial({ tenantId: this.tenantId });
    for await (const { finding } of this.#operator.stream(LedgerAuditServiceService.verifyLedger, request)) {
      expect(finding).toBeUndefined();
    }
  }
}

/** A stored card as REST tells it. */
export interface StoredCard {
  readonly payment_method_id: string;
  readonly card: { readonly last4: string };
  readonly is_default: boolean;
}

/** What a workspace has, as far as stories go on by it. */
export interface StoryState {
  readonly plan_code: string;
  readonly subscription: {
    readonly stripe_subscription_id: string;
    readonly status: string;
    readonly period_start_time: string;
    readonly period_end_time: string;
    readonly grace_end_time: string | null;
    readonly payment_url: string | null;
  } | null;
  readonly trial: { readonly end_time: string; readonly consent_time: string | null } | null;
  readonly included_remaining: number;
}

/** What was answered, where it was no refusal; the words of that are the failure of the test. */
function answered(path: string, { status, body }: RestAnswer): RestAnswer['body'] {
  if (status === 200 || status === 201) return body;
  throw new Error(`${path} answered with ${status}: ${JSON.stringify(body)}`);
}

/** A request over REST. */
interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: object | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

async function send({ stack }: StoryStage, token: string, request: RestRequest): Promise<RestAnswer> {
  const { method, path, body, headers = {} } = request;
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetchDocumented(`${stack.bffs.get(PRODUCT)}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...type, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}
