/**
 * Owns: watching what goes in and out of a sandbox: each answer and event is judged by Stripe's schemas, and each request
 * is sent to stripe-mock too, where that is here.
 * Does not own: the requests; a test or a kernel makes them.
 */
import type { WholeAnswer, WholeRequest } from '../../dev/stripe-sandbox/http-server.ts';
import { isFields, type JsonFields } from '../../dev/stripe-sandbox/json.ts';
import type { Sandbox } from '../../dev/stripe-sandbox/sandbox.ts';
import { StripeSchema } from './stripe-schema.ts';

/** Is one request with its answer. */
export interface Exchange {
  readonly request: WholeRequest;
  readonly answer: WholeAnswer;
}

/** Remembers what a sandbox was asked and what it answered. */
export class StripeWatch {
  readonly exchanges: Exchange[] = [];
  readonly #schema = new StripeSchema();

  /** Is to be given to the sandbox as `observe`. */
  readonly observe = (request: WholeRequest, answer: WholeAnswer): void => {
    if (request.path.startsWith('/v1/')) this.exchanges.push({ request, answer });
  };

  /** Returns all that is wrong with the answers so far. */
  judgeAnswers(): readonly string[] {
    return this.exchanges.flatMap(({ request, answer }) => {
      const operation = this.#schema.findOperation(request.method, request.path);
      if (operation === undefined) return [];
      const problem = this.#schema.judgeAnswer(operation, answer.status, JSON.parse(answer.body));
      return problem === undefined ? [] : [`${describe({ request, answer })}\n  ${problem}`];
    });
  }

  /** Returns all that is wrong with the events that the sandbox has. */
  async judgeEvents(sandbox: Sandbox): Promise<readonly string[]> {
    const problems: string[] = [];
    for await (const event of listEvents(sandbox)) {
      const problem = this.#schema.judgeEvent(event);
      if (problem !== undefined) problems.push(`${String(event['type'])} ${String(event['id'])}\n  ${problem}`);
    }
    return problems;
  }

  /**
   * Sends all requests so far to stripe-mock, and returns each that one of the two refuses for its form and the other does
   * not. stripe-mock knows no state, so what the sandbox refuses for that is no concern here.
   */
  async compareWith(mockUrl: string): Promise<readonly string[]> {
    const problems: string[] = [];
    const verdicts = new Map<string, Promise<MockAnswer>>();
    for (const exchange of this.exchanges) {
      const { request, answer } = exchange;
      if (answer.status === 401 || answer.status === 404) continue;
      const form = toForm(request);
      const asked = verdicts.get(form) ?? askMock(mockUrl, request);
      verdicts.set(form, asked);
      const { status, text } = await asked;
      if (isContradiction(answer, status < 400)) {
        problems.push(`${describe(exchange)}\n  stripe-mock: ${status} ${text}`);
      }
    }
    return problems;
  }
}

interface MockAnswer {
  readonly status: number;
  readonly text: string;
}

async function askMock(mockUrl: string, request: WholeRequest): Promise<MockAnswer> {
  const response = await fetch(`${mockUrl}${request.path}${request.query === '' ? '' : `?${request.query}`}`, {
    method: request.method,
    headers: {
      authorization: 'Bearer sk_test_123',
      'content-type': 'application/x-www-form-urlencoded',
      'stripe-version': request.headers['stripe-version'] ?? '',
    },
    ...(request.method === 'GET' ? {} : { body: request.body }),
  });
  return { status: response.status, text: await response.text() };
}

/** Returns a request without what ids and times it names: to stripe-mock, which knows no state, those are all the same. */
function toForm({ method, path, query, body }: WholeRequest): string {
  return `${method} ${path}?${query} ${body}`
    .replaceAll(/\b[a-z]+(_[a-z]+)*_[A-Za-z0-9]{14,}/g, '<id>')
    .replaceAll(/\d{10}/g, '<time>');
}

async function* listEvents(sandbox: Sandbox): AsyncGenerator<JsonFields> {
  let after = '';
  for (;;) {
    const response = await fetch(`${sandbox.url}/v1/events?limit=100${after}`, {
      headers: { authorization: 'Bearer sk_test_watch' },
    });
    const page = (await response.json()) as { data: readonly JsonFields[]; has_more: boolean };
    yield* page.data;
    if (!page.has_more) return;
    after = `&starting_after=${String(page.data.at(-1)?.['id'])}`;
  }
}

const FORM_CODES: readonly unknown[] = ['parameter_unknown', 'parameter_missing'];
const FORM_MESSAGE = /^Invalid (integer: |boolean: |object|array|\S+: must be )/;

/**
 * Says whether stripe-mock takes a request that the sandbox refused for its form, or the other way round. It does not look
 * at what is inside of a parameter.
 */
function isContradiction(answer: WholeAnswer, isTaken: boolean): boolean {
  if (!isTaken) return answer.status !== 400;
  const { error } = JSON.parse(answer.body);
  if (!isFields(error) || String(error['param']).includes('[')) return false;
  return FORM_CODES.includes(error['code']) || FORM_MESSAGE.test(String(error['message']));
}

function describe({ request, answer }: Exchange): string {
  const { method, path, query, body } = request;
  return `${method} ${path} ${decodeURIComponent(query)} ${decodeURIComponent(body)}: ${answer.status}`;
}
