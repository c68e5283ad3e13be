/**
 * Owns: the control of the sandbox over HTTP, under `/_sandbox`, with JSON bodies and the same key as the API:
 *
 *   GET    /_sandbox/clock                       the time
 *   POST   /_sandbox/clock                       {advance_seconds}
 *   GET    /_sandbox/faults                      requests that go wrong
 *   POST   /_sandbox/faults                      {method?, path?, times?, delay_ms?, outcome?, status?}
 *   DELETE /_sandbox/faults
 *   GET    /_sandbox/delivery-rules              deliveries that go wrong
 *   POST   /_sandbox/delivery-rules              {types, times?, action: hold|drop|delay|duplicate, delay_ms?, copies?}
 *   DELETE /_sandbox/delivery-rules
 *   GET    /_sandbox/deliveries
 *   POST   /_sandbox/deliveries/release          {order: forward|reverse|[ids of deliveries or events]}
 *   POST   /_sandbox/events/<id>/resend
 *   PUT    /_sandbox/billing                     {retry_days, after_retries: cancel|unpaid|past_due}
 *   POST   /_sandbox/subscriptions/<id>/slow     a bank takes the first payment, and days for it
 *   POST   /_sandbox/subscriptions/<id>/settle   {outcome: paid|failed}
 *   POST   /_sandbox/charges/<id>/dispute        {reason?}
 *   POST   /_sandbox/disputes/<id>/close         {outcome: won|lost}
 *   POST   /_sandbox/refunds/<id>/fail
 *   PUT    /_sandbox/webhook                     {name?, url, secrets, enabled_events?}
 *
 * Does not own: what these do (`control.ts`).
 */
import { Ajv, type JSONSchemaType, type ValidateFunction } from 'ajv';
import type { Control } from './control.ts';
import type { DeliveryAction } from './delivery-rule.ts';
import type { Fault } from './fault.ts';
import { invalidRequest } from './stripe-error.ts';

interface FaultBody {
  readonly method?: string;
  readonly path?: string;
  readonly times?: number;
  readonly delay_ms?: number;
  readonly outcome?: NonNullable<Fault['outcome']>;
  readonly status?: number;
}

interface RuleBody {
  readonly types: string[];
  readonly times?: number;
  readonly action: DeliveryAction['kind'];
  readonly delay_ms?: number;
  readonly copies?: number;
}

interface WebhookBody {
  readonly name?: string;
  readonly url: string;
  readonly secrets: string[];
  readonly enabled_events?: string[];
}

const COPIES_MAX = 100;
const RETRIES_MAX = 8;
const TIMES = { type: 'integer', minimum: 1, nullable: true } as const;
const TEXTS = { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } } as const;
const DELAY = { type: 'integer', minimum: 0, maximum: 600_000, nullable: true } as const;
/** A hundred years: time only goes forward and is kept, and beyond the year 9999 it has no dates. */
const ADVANCE_SECONDS_MAX = 3_155_760_000;

const ajv = new Ajv({ allErrors: true });
const isClock = compile<{ advance_seconds: number }>({
  type: 'object',
  additionalProperties: false,
  required: ['advance_seconds'],
  properties: { advance_seconds: { type: 'integer', minimum: 0, maximum: ADVANCE_SECONDS_MAX } },
});
const isFault = compile<FaultBody>({
  type: 'object',
  additionalProperties: false,
  properties: {
    method: { type: 'string', enum: ['GET', 'POST', 'DELETE'], nullable: true },
    path: { type: 'string', nullable: true },
    times: TIMES,
    delay_ms: DELAY,
    outcome: { type: 'string', enum: ['refused', 'failed', 'done_but_failed', 'done_but_lost'], nullable: true },
    status: { type: 'integer', minimum: 400, maximum: 599, nullable: true },
  },
});
const isRule = compile<RuleBody>({
  type: 'object',
  additionalProperties: false,
  required: ['types', 'action'],
  properties: {
    types: TEXTS,
    times: TIMES,
    action: { type: 'string', enum: ['hold', 'drop', 'delay', 'duplicate'] },
    delay_ms: DELAY,
    copies: { type: 'integer', minimum: 2, maximum: COPIES_MAX, nullable: true },
  },
});
const isWebhook = compile<WebhookBody>({
  type: 'object',
  additionalProperties: false,
  required: ['url', 'secrets'],
  properties: {
    name: { type: 'string', pattern: '^[A-Za-z0-9_]{1,40}$', nullable: true },
    url: { type: 'string' },
    secrets: TEXTS,
    enabled_events: { ...TEXTS, nullable: true },
  },
});
const isBilling = compile<{ retry_days: number[]; after_retries: 'cancel' | 'unpaid' | 'past_due' }>({
  type: 'object',
  additionalProperties: false,
  required: ['retry_days', 'after_retries'],
  properties: {
    retry_days: { type: 'array', maxItems: RETRIES_MAX, items: { type: 'integer', minimum: 1 } },
    after_retries: { type: 'string', enum: ['cancel', 'unpaid', 'past_due'] },
  },
});
const isDispute = compile<{ reason?: string }>({
  type: 'object',
  additionalProperties: false,
  properties: { reason: { type: 'string', minLength: 1, nullable: true } },
});
const isOutcome = compile<{ outcome: 'won' | 'lost' }>({
  type: 'object',
  additionalProperties: false,
  required: ['outcome'],
  properties: { outcome: { type: 'string', enum: ['won', 'lost'] } },
});
const isSettlement = compile<{ outcome: 'paid' | 'failed' }>({
  type: 'object',
  additionalProperties: false,
  required: ['outcome'],
  properties: { outcome: { type: 'string', enum: ['paid', 'failed'] } },
});
const isRelease = compile<{ order?: string | string[] }>({
  type: 'object',
  additionalProperties: false,
  properties: { order: { anyOf: [{ type: 'string', enum: ['forward', 'reverse'] }, TEXTS] } },
});

function compile<Body>(schema: JSONSchemaType<Body> | object): ValidateFunction<Body> {
  return ajv.compile<Body>(schema);
}

/** Answers a request to `/_sandbox`. Throws StripeError where it can't be read, and for a path that is none. */
export async function answerControl(control: Control, method: string, path: string, body: string): Promise<unknown> {
  const resend = /^\/_sandbox\/events\/([^/]+)\/resend$/.exec(path)?.[1];
  if (method === 'POST' && resend !== undefined) return { endpoints: resendEvent(control, resend) };
  const money = method === 'POST' ? answerMoney(control, path, body) : undefined;
  if (money !== undefined) return money;
  switch (`${method} ${path}`) {
    case 'GET /_sandbox/clock':
      return { now: control.now() };
    case 'POST /_sandbox/clock':
      return { now: control.advance(read(body, isClock).advance_seconds) };
    case 'GET /_sandbox/faults':
      return { faults: control.faults() };
    case 'POST /_sandbox/faults':
      control.addFault(toFault(read(body, isFault)));
      return { faults: control.faults() };
    case 'DELETE /_sandbox/faults':
      control.clearFaults();
      return { faults: [] };
    case 'GET /_sandbox/delivery-rules':
      return { rules: control.deliveryRules() };
    case 'POST /_sandbox/delivery-rules':
      addRule(control, read(body, isRule));
      return { rules: control.deliveryRules() };
    case 'DELETE /_sandbox/delivery-rules':
      control.clearDeliveryRules();
      return { rules: [] };
    case 'GET /_sandbox/deliveries':
      return { deliveries: control.deliveries() };
    case 'POST /_sandbox/deliveries/release':
      return { released: await control.release(toOrder(read(body, isRelease).order)) };
    case 'PUT /_sandbox/billing': {
      const { retry_days: retryDays, after_retries: afterRetries } = read(body, isBilling);
      control.setBilling({ retryDays, afterRetries });
      return { retry_days: retryDays, after_retries: afterRetries };
    }
    case 'PUT /_sandbox/webhook':
      return { id: setWebhook(control, read(body, isWebhook)) };
    default:
      throw invalidRequest(
        `The sandbox has no ${method} ${path}: dev/stripe-sandbox/control-http.ts lists what it has.`,
        {},
        404,
      );
  }
}

/** Has banks do what they do with a first payment, a charge, a dispute or a refund; returns undefined for any other path. */
function answerMoney(control: Control, path: string, body: string): unknown {
  const [, kind, id = '', verb] = /^\/_sandbox\/(\w+)\/(\w+)\/(\w+)$/.exec(path) ?? [];
  switch (`${kind} ${verb}`) {
    case 'subscriptions slow':
      return control.beginSlowPayment(id);
    case 'subscriptions settle':
      return control.endSlowPayment(id, read(body, isSettlement).outcome);
    case 'charges dispute':
      return control.createDispute(id, read(body, isDispute).reason);
    case 'disputes close':
      return control.closeDispute(id, read(body, isOutcome).outcome);
    case 'refunds fail':
      return control.failRefund(id);
    default:
      return undefined;
  }
}

function read<Body>(text: string, isBody: ValidateFunction<Body>): Body {
  let value: unknown;
  try {
    value = JSON.parse(text || '{}');
  } catch {
    throw invalidRequest('The body is not JSON.');
  }
  if (!isBody(value)) throw invalidRequest(`The body is wrong: ${ajv.errorsText(isBody.errors, { dataVar: 'body' })}.`);
  return value;
}

function resendEvent(control: Control, id: string): number {
  const count = control.resend(id);
  if (count === undefined) throw invalidRequest(`No such event: '${id}'`, { code: 'resource_missing' }, 404);
  return count;
}

function toFault({ delay_ms: delayMs, ...fault }: FaultBody): Fault {
  return { ...fault, ...(delayMs === undefined ? {} : { delayMs }) };
}

function addRule(control: Control, { types, times, action, delay_ms: delayMs = 0, copies = 2 }: RuleBody): void {
  const actions: Readonly<Record<DeliveryAction['kind'], DeliveryAction>> = {
    hold: { kind: 'hold' },
    drop: { kind: 'drop' },
    delay: { kind: 'delay', delayMs },
    duplicate: { kind: 'duplicate', copies },
  };
  control.addDeliveryRule({ types, action: actions[action], ...(times === undefined ? {} : { times }) });
}

function toOrder(order: string | readonly string[] | undefined) {
  if (order === undefined || order === 'forward') return 'forward';
  return typeof order === 'string' ? 'reverse' : order;
}

function setWebhook(control: Control, { enabled_events: enabledEvents, ...target }: WebhookBody): string {
  return control.setWebhook({ ...target, ...(enabledEvents === undefined ? {} : { enabledEvents }) });
}
