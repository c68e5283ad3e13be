/**
 * Owns: the sandbox as a whole: a stateful local Stripe for the calls that this project makes, in one process.
 * Does not own: any of its parts; and its program (`main.ts`).
 * Invariants: it listens on the loopback interface and sends nowhere else. What it has answered outlives its process
 * where it has a folder (`journal.ts` says how). What Stripe knows and it does not, it refuses.
 */

import { isRecord } from '../json-file.ts';
import { Api } from './api.ts';
import { type SandboxFacts, toReaction } from './call.ts';
import { seedCatalog } from './catalog-fixture.ts';
import { Clock } from './clock.ts';
import { Control, type WebhookTarget } from './control.ts';
import { answerControl } from './control-http.ts';
import { Courier } from './delivery.ts';
import { EVENT_RETENTION_SECONDS, EVENTS } from './event.ts';
import { answerBrowser } from './hosted-page/hosted-page.ts';
import { listen, type WholeAnswer, type WholeRequest } from './http-server.ts';
import { KEPT_ANSWERS, KEY_RETENTION_SECONDS } from './idempotency.ts';
import type { Change } from './journal.ts';
import { loadOpenApi } from './openapi/openapi.ts';
import { RESOURCES } from './resource/all.ts';
import { withholdDefaultConfiguration } from './resource/portal-configuration.ts';
import { Scheduler } from './scheduler.ts';
import { Store } from './store.ts';
import { StripeError, toErrorBody } from './stripe-error.ts';

const RETRY_BASE_MS_DEFAULT = 1_000;

/** Says how a sandbox shall run. */
export interface SandboxOptions {
  /** Is its port; 0, the default, means any free one. */
  readonly port?: number;
  /** Is the folder that it keeps what it knows in; absent: it forgets all when it ends. */
  readonly folder?: string | undefined;
  /** Is the one secret key that it takes; absent: any that begins with `sk_test_` or `rk_test_`. */
  readonly secretKey?: string | undefined;
  /** Are endpoints that events go to. */
  readonly webhooks?: readonly WebhookTarget[];
  /** Says whether it has the plans of the demo products; default true. */
  readonly hasCatalog?: boolean;
  /** Says whether the billing portal has a default configuration; default true. */
  readonly hasPortal?: boolean;
  /** Is how long the first retry of a delivery waits; each further one twice as long. */
  readonly retryBaseMs?: number;
  /** Is told each request to the API with its answer. */
  readonly observe?: (request: WholeRequest, answer: WholeAnswer) => void;
}

/** Is a sandbox that runs. */
export interface Sandbox {
  /** Is where it listens, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly apiVersion: string;
  readonly control: Control;
  stop(): Promise<void>;
}

/** Starts a sandbox. Throws StackError when it can't listen, or its folder can't be read. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const openApi = loadOpenApi();
  const store = new Store(options.folder, isWorthKeeping);
  const clock = new Clock(store);
  const server = await listen(options.port ?? 0);
  const baseUrl = `http://127.0.0.1:${server.port}`;
  const facts: SandboxFacts = { apiVersion: openApi.info.version, baseUrl, react: toReaction(RESOURCES) };
  const courier = new Courier(store, options.retryBaseMs ?? RETRY_BASE_MS_DEFAULT);
  const onHappened = (): void => courier.kick();
  const scheduler = new Scheduler({ store, clock, resources: RESOURCES, facts, onHappened });
  const { secretKey } = options;
  const api = new Api({ store, clock, openApi, resources: RESOURCES, facts, secretKey });
  const control = new Control({ store, clock, courier, scheduler, api, facts });
  if (options.hasCatalog !== false) store.run((tx) => seedCatalog(tx, clock.now()));
  if (options.hasPortal === false) store.run(withholdDefaultConfiguration);
  for (const webhook of options.webhooks ?? []) control.setWebhook(webhook);
  server.serve(async (request) => {
    const answer = answerBrowser({ store, clock, facts }, request) ?? (await answerRequest({ api, control }, request));
    options.observe?.(request, answer);
    // After the answer: neither a webhook nor what falls due is to be seen before what it comes from.
    setImmediate(() => {
      scheduler.run();
      courier.kick();
    });
    return answer;
  });
  courier.kick();
  return {
    url: facts.baseUrl,
    port: server.port,
    apiVersion: facts.apiVersion,
    control,
    async stop() {
      scheduler.stop();
      await server.close();
      await courier.stop();
    },
  };
}

const RETENTION_SECONDS: ReadonlyMap<string, number> = new Map([
  [EVENTS.name, EVENT_RETENTION_SECONDS],
  [KEPT_ANSWERS.name, KEY_RETENTION_SECONDS],
]);

/** Leaves out, at a start, what Stripe would have forgotten by the real time. */
function isWorthKeeping({ table, value }: Change): boolean {
  const retentionSeconds = RETENTION_SECONDS.get(table);
  if (retentionSeconds === undefined || !isRecord(value)) return true;
  const at = Number(value['created'] ?? value['at']);
  return at > Date.now() / 1000 - retentionSeconds;
}

async function answerRequest(
  { api, control }: { readonly api: Api; readonly control: Control },
  request: WholeRequest,
): Promise<WholeAnswer> {
  if (request.path.startsWith('/_sandbox/')) return await answerAsControl(api, control, request);
  const answer = await api.answer(request);
  return { ...answer, headers: { 'content-type': 'application/json', ...answer.headers } };
}

async function answerAsControl(api: Api, control: Control, request: WholeRequest): Promise<WholeAnswer> {
  const headers = { 'content-type': 'application/json' };
  try {
    api.assertMayAsk(request.headers);
    const answer = await answerControl(control, request.method, request.path, request.body);
    return { status: 200, headers, body: JSON.stringify(answer, null, 2) };
  } catch (error) {
    if (!(error instanceof StripeError)) throw error;
    return { status: error.status, headers, body: JSON.stringify(toErrorBody(error), null, 2) };
  }
}
