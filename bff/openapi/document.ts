// Owns the OpenAPI 3.1 document of the API: what all routes have in common, and how they are put together.
// Does not own how one route is told (operation.ts), or anything that a route's definition says.
// Invariants: it is made from the table of routes alone, by the schemas that check requests and the shapes that answers have;
// the same table gives the same document, byte for byte.

import { PROBLEM_KINDS, type ProblemReason } from '../problem.ts';
import { IDEMPOTENCY_KEY_EXPECTED, IDEMPOTENCY_KEY_PATTERN } from '../request-field.ts';
import { ID } from '../routes/field.ts';
import type { Route } from '../routes/route.ts';
import { type JsonSchema, object, oneOf } from '../shape.ts';
import { reasonsOf } from './common-reason.ts';
import { toDocumentPath, toOperation } from './operation.ts';
import { ProblemAnswers } from './problem-answer.ts';
import { HEADERS, toHeaders } from './response-header.ts';
import { SchemaTranslation } from './schema-translation.ts';

/** Is the version of the API: the first number changes where a client would break. */
const VERSION = '1.0.0';

/** Are the reasons why a process can't serve. */
const UNREADY: readonly ProblemReason[] = ['KERNEL_UNAVAILABLE', 'SHUTTING_DOWN'];

/** What differs between deployments. */
export interface DocumentOptions {
  /** Is the name of the cookie that browsers' sessions are in. */
  readonly sessionCookie: string;
  /** Says what a newcomer needs to know; Markdown. */
  readonly introduction: string;
}

/** Builds the document. Throws where two operations or two schemas have the same name. */
export function buildDocument(routes: readonly Route[], options: DocumentOptions): JsonSchema {
  const schemas = new SchemaTranslation();
  const problems = new ProblemAnswers(schemas, [...routes.map(reasonsOf), UNREADY]);
  const paths = { ...toPaths(routes, schemas, problems), ...toProbes(schemas, problems) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Wheelhouse billing API',
      version: VERSION,
      description: options.introduction,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This deployment.' }],
    tags: [...new Set(Object.values(paths).flatMap(tagsOf))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { ...Object.fromEntries([...schemas.components].sort(byName)), Id: ID, Reason: REASON },
      responses: problems.components,
      parameters: PARAMETERS,
      headers: HEADERS,
      securitySchemes: toSecuritySchemes(options.sessionCookie),
    },
  };
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

function toPaths(
  routes: readonly Route[],
  schemas: SchemaTranslation,
  problems: ProblemAnswers,
): Record<string, JsonSchema> {
  const names = routes.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two operations have the name ${twice}`);
  const byPath = [...Map.groupBy(routes, ({ path }) => toDocumentPath(path))];
  return Object.fromEntries(
    byPath.map(([path, ofPath]) => [
      path,
      Object.fromEntries(ofPath.map((route) => [route.method.toLowerCase(), toOperation(route, schemas, problems)])),
    ]),
  );
}

function tagsOf(path: JsonSchema): readonly string[] {
  return Object.values(path).flatMap((operation) => Object(operation).tags);
}

/** The two paths that orchestrators ask. */
function toProbes(schemas: SchemaTranslation, problems: ProblemAnswers): Record<string, JsonSchema> {
  const toProbe = (name: string, summary: string, status: string, responses: object) => ({
    get: {
      ...{ operationId: name, tags: ['health'], summary, parameters: [{ $ref: '#/components/parameters/RequestId' }] },
      responses: {
        200: {
          description: 'Yes.',
          headers: toHeaders(['X-Request-Id']),
          content: { 'application/json': { schema: schemas.translate(object({ status: oneOf([status]) })) } },
        },
        ...responses,
      },
      security: [],
    },
  });
  return {
    '/healthz': toProbe('isAlive', 'Ask whether this process lives', 'ok', {}),
    '/readyz': toProbe('isReady', 'Ask whether this process can serve', 'ready', problems.of(UNREADY)),
  };
}

const REASON = {
  ...oneOf(Object.keys(PROBLEM_KINDS).sort()),
  description: 'Are all reasons why a request can be refused. None is ever renamed; new ones are added.',
};

const PARAMETERS = {
  WorkspaceId: {
    ...{ name: 'X-Workspace-Id', in: 'header', required: false, schema: { $ref: '#/components/schemas/Id' } },
    description:
      'Names the workspace that the call is about. A personal access token has its own; a person who is in one workspace alone need not name it.',
  },
  IdempotencyKey: {
    ...{ name: 'Idempotency-Key', in: 'header', required: false },
    schema: { type: 'string', pattern: IDEMPOTENCY_KEY_PATTERN.source },
    description: `Makes it safe to repeat the request: with the same key it happens once. It has ${IDEMPOTENCY_KEY_EXPECTED}.`,
  },
  IfNoneMatch: {
    ...{ name: 'If-None-Match', in: 'header', required: false, schema: { type: 'string' } },
    description: 'Is the ETag of an earlier answer: where nothing has changed, 304 comes without a body.',
  },
  RequestId: {
    ...{ name: 'X-Request-Id', in: 'header', required: false, schema: { type: 'string' } },
    description:
      'Is an id of the client’s own for the request: 1 to 128 letters, digits, dots, underscores and hyphens. For any other one is made.',
  },
};

function toSecuritySchemes(sessionCookie: string): JsonSchema {
  return {
    accessToken: {
      ...{ type: 'http', scheme: 'bearer' },
      description: 'A personal access token (`whp_…`) of a workspace, for programs. `POST /v1/tokens` makes one.',
    },
    personToken: {
      ...{ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      description: 'An access token of the issuer that people sign in at.',
    },
    session: {
      ...{ type: 'apiKey', in: 'cookie', name: sessionCookie },
      description:
        'The session of a browser, which begins at `/auth/login`. It counts only without Authorization header.',
    },
    csrf: {
      ...{ type: 'apiKey', in: 'header', name: 'X-CSRF-Token' },
      description:
        'The token of the session, which `GET /v1/me` tells: what changes something needs it beside the cookie.',
    },
  };
}
