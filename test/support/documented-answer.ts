/**
 * Owns: whether an answer of a BFF is what the document of the API says: its status, header fields, media type and every field.
 * Does not own: the document, and who asks.
 * Invariant: a path of the API that the document does not have is a fault, too.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { buildDocument } from '../../bff/openapi/document.ts';
import { ROUTES } from '../../bff/routes/all.ts';
import type { JsonSchema } from '../../bff/shape.ts';
import { parseTimestamp } from '../../bff/timestamp.ts';
import { recordAnswer } from './recorded-answer.ts';

/** An answer, read to its end, and what it answers. */
export interface SeenAnswer {
  readonly method: string;
  /** Is the path, with its query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** How much of the document holds. */
export interface Judgement {
  /** Says that the kernel is a stand-in, which may refuse anything for any reason: its problems need only the form of one. */
  readonly anyProblem?: boolean;
  /** Says that an earlier release gave the answer, which can lack fields that came since. */
  readonly isEarlier?: boolean;
}

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
}

interface DocumentedResponse {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, JsonSchema>>;
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

/** Is the document that answers are held against; its words for people play no part. */
const DOCUMENT = buildDocument(ROUTES, { sessionCookie: 'wheelhouse', introduction: '' });
const PROBLEM_TYPE = 'application/problem+json';
/** Answers of the app to what is no operation of the document. */
const OUTSIDE_STATUSES: ReadonlySet<number> = new Set([404, 405]);

const ajv = new Ajv2020({
  allErrors: true,
  strict: false,
  formats: {
    'date-time': (text: string) => text.endsWith('Z') && parseTimestamp(text) !== undefined,
    uri: (text: string) => URL.canParse(text),
  },
});
ajv.addSchema(DOCUMENT, 'openapi');
const withoutRequired = (name: string, value: unknown) =>
  name === 'required' && Array.isArray(value) ? undefined : value;
ajv.addSchema(JSON.parse(JSON.stringify(DOCUMENT), withoutRequired), 'earlier');
const PATHS = Object.entries(Object(DOCUMENT['paths'])).map(([path, methods]) => ({
  path,
  pattern: new RegExp(`^${path.replaceAll(/\{[a-z_]+\}/g, '[^/]+')}$`),
  methods: methods as Readonly<Record<string, Operation>>,
}));

/** Lists the operations of the document, with the statuses of those of their answers that are no problems. */
export function listSuccesses(): readonly (readonly [operation: string, status: number])[] {
  return PATHS.flatMap(({ methods }) =>
    Object.values(methods).flatMap(({ operationId, responses }) =>
      Object.keys(responses).flatMap((status) =>
        Number(status) < 300 ? [[operationId, Number(status)] as const] : [],
      ),
    ),
  );
}

/** Asks a BFF as `fetch` does, and throws where the answer is not what the document says. */
export async function fetchDocumented(
  url: string | URL,
  options: RequestInit = {},
  judgement: Judgement = {},
): Promise<Response> {
  const response = await fetch(url, options);
  const { pathname, search } = new URL(url);
  const isEndless = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const text = isEndless ? '' : await response.clone().text();
  const { status, headers } = response;
  const answer = { method: options.method ?? 'GET', path: `${pathname}${search}`, status, headers, text };
  assertDocumented(answer, judgement);
  const operation = find(answer.method, answer.path)?.operation.operationId;
  // A stand-in for the kernel answers what no kernel does.
  if (process.env['RECORD_ANSWERS'] && judgement.anyProblem !== true && operation !== undefined && response.ok) {
    const { method, path } = answer;
    recordAnswer(
      operation,
      { method, path, status, headers: {}, body: text === '' ? null : JSON.parse(text) },
      headers,
    );
  }
  return response;
}

/** Throws where an answer is not what the document says; the message names all that is wrong with it. */
export function assertDocumented(answer: SeenAnswer, judgement: Judgement = {}): void {
  const faults = findFaults(answer, judgement);
  if (faults.length === 0) return;
  const { method, path, status, text } = answer;
  const shown = text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text;
  throw new Error(
    `${method} ${path} answered ${status}, against the document of the API:\n  ${faults.join('\n  ')}\n${shown}`,
  );
}

function findFaults(answer: SeenAnswer, { anyProblem = false, isEarlier = false }: Judgement): readonly string[] {
  const { method, path, status, headers } = answer;
  if (method === 'OPTIONS' || !isOfApi(path)) return [];
  const found = find(method, path);
  const isProblem = status >= 400;
  if (found === undefined || (isProblem && anyProblem)) {
    if (found !== undefined || OUTSIDE_STATUSES.has(status)) return findProblemFaults(answer);
    // What is wrong with any request is told before it is looked for.
    return status === 400 || status === 431 ? findProblemFaults(answer) : ['there is no such operation'];
  }
  const place = placeOf(found, status);
  const response = resolve(place);
  if (response === undefined) return [`the status ${status} is not documented`];
  const missing = Object.keys(response.headers ?? {}).filter((name) => isRequired(name) && !headers.has(name));
  return [
    ...missing.map((name) => `the header field ${name} is missing`),
    ...findBodyFaults(answer, response, place, isEarlier),
  ];
}

function isOfApi(path: string): boolean {
  return path.startsWith('/v1/') || path === '/healthz' || path === '/readyz';
}

function isRequired(name: string): boolean {
  return name === 'X-Request-Id' || name === 'ETag' || name === 'Location' || name === 'WWW-Authenticate';
}

interface Found {
  readonly path: string;
  readonly key: string;
  readonly operation: Operation;
}

function find(method: string, path: string): Found | undefined {
  const [bare = ''] = path.split('?');
  const key = (method === 'HEAD' ? 'GET' : method).toLowerCase();
  // A path of letters alone comes before one with a parameter in its place, as the app has it.
  const candidates = PATHS.filter(({ pattern, methods }) => pattern.test(bare) && methods[key] !== undefined);
  const [best] = candidates.sort((left, right) => left.path.split('{').length - right.path.split('{').length);
  const operation = best?.methods[key];
  return best && operation && { path: best.path, key, operation };
}

/** Is where the document tells of an answer: in its operation, or among what several have. */
function placeOf({ path, key, operation }: Found, status: number): readonly string[] {
  const reference = operation.responses[status]?.$ref;
  return reference?.split('/').slice(1) ?? ['paths', path, key, 'responses', String(status)];
}

function resolve(place: readonly string[]): DocumentedResponse | undefined {
  return place.reduce<DocumentedResponse | undefined>((value, name) => Object(value)[name], DOCUMENT);
}

function findBodyFaults(
  answer: SeenAnswer,
  response: DocumentedResponse,
  place: readonly string[],
  isEarlier: boolean,
): readonly string[] {
  const { method, headers, text } = answer;
  const [type = ''] = (headers.get('content-type') ?? '').split(';');
  if (response.content === undefined) return text === '' ? [] : ['there is a body where none is documented'];
  if (response.content[type] === undefined) return [`the media type ${type || '(none)'} is not documented`];
  if (method === 'HEAD' || !type.endsWith('json')) return [];
  return validate([...place, 'content', type, 'schema'], JSON.parse(text), isEarlier ? 'earlier' : 'openapi');
}

function findProblemFaults({ method, headers, text }: SeenAnswer): readonly string[] {
  if (headers.get('content-type') !== PROBLEM_TYPE) return ['it is no problem document'];
  return method === 'HEAD' ? [] : validate(['components', 'schemas', 'Problem'], JSON.parse(text));
}

function validate(pointer: readonly string[], value: unknown, document = 'openapi'): readonly string[] {
  const reference = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
  const check = ajv.getSchema(`${document}#/${reference.join('/')}`);
  if (check === undefined) throw new Error(`the document has no ${pointer.join('/')}`);
  if (check(value) === true) return [];
  return (check.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`,
  );
}
