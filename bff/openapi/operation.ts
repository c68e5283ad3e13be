// Owns how one route is told in the document: its parameters, body, answers and problems, who may call it.
// Does not own what routes there are, or what is the same for all of them (document.ts).

import type { RoleName } from '../convert-people.ts';
import type { Need, Route, SuccessStatus } from '../routes/route.ts';
import type { JsonSchema } from '../shape.ts';
import { reasonsOf } from './common-reason.ts';
import type { ProblemAnswers } from './problem-answer.ts';
import { toHeaders } from './response-header.ts';
import type { SchemaTranslation } from './schema-translation.ts';

const PARAMETER_PATTERN = /:([a-z_]+)/g;
const SUCCESS_STATUSES: readonly SuccessStatus[] = [200, 201, 202, 204];

const SUCCESS_WORDS: Readonly<Record<SuccessStatus, string>> = {
  200: 'It was done, and this is the answer.',
  201: 'It was made.',
  202: 'It has been accepted, and goes on by itself.',
  204: 'It is gone.',
};

const ROLE_WORDS: Readonly<Record<RoleName, string>> = {
  tenant_admin: 'the role `tenant_admin`',
  project_contributor: 'the role `project_contributor` or a higher one',
  project_viewer: 'any role in the workspace',
};

const REPEAT_WORDS = {
  by_key: [],
  by_nature: [
    'Sending it again changes nothing more, so that it needs no `Idempotency-Key`: one is taken, and other content under it is a request of its own.',
  ],
} as const;

/** Says how a path is written in the document. */
export function toDocumentPath(path: string): string {
  return path.replaceAll(PARAMETER_PATTERN, '{$1}');
}

/** Tells a route. */
export function toOperation(route: Route, schemas: SchemaTranslation, problems: ProblemAnswers): JsonSchema {
  const { bodySchema } = route;
  return {
    operationId: route.name,
    tags: [tagOf(route)],
    summary: route.summary,
    description: describe(route),
    parameters: [...pathParameters(route), ...queryParameters(route, schemas), ...headerParameters(route)],
    ...(bodySchema && {
      requestBody: {
        required: isBodyRequired(bodySchema),
        content: { 'application/json': { schema: schemas.translate(bodySchema) } },
      },
    }),
    responses: { ...successes(route, schemas), ...problems.of(reasonsOf(route)) },
    security: securityOf(route),
  };
}

function isBodyRequired({ required }: JsonSchema): boolean {
  return Array.isArray(required) && required.length > 0;
}

/** Routes are sorted by what they are about: the first part of their path that tells it. */
function tagOf({ path }: Route): string {
  const parts = path.split('/').filter((part) => part !== '' && !part.startsWith(':'));
  const [, first = '', second] = parts;
  const isGroup = first === 'billing' || first === 'workspaces';
  return isGroup && second !== undefined && second !== 'close' && second !== 'audit-log' ? second : first;
}

function describe({ description, needs, isPersonal, repeat = 'by_key' }: Route): string {
  const sentences = [
    ...(description === undefined ? [] : [description]),
    `Needs ${tellNeed(needs)}.`,
    ...REPEAT_WORDS[repeat],
    ...(isPersonal === true ? ['A personal access token can not call it.'] : []),
  ];
  return sentences.join('\n\n');
}

function tellNeed(need: Need): string {
  switch (need) {
    case 'nothing':
      return 'no credential';
    case 'sign_in':
      return 'a credential';
    case 'membership':
      return 'membership in the workspace';
    default:
      return ROLE_WORDS[need];
  }
}

function securityOf({ needs, isPersonal, method }: Route): readonly object[] {
  if (needs === 'nothing') return [];
  const session = method === 'GET' ? { session: [] } : { session: [], csrf: [] };
  return [...(isPersonal === true ? [] : [{ accessToken: [] }]), { personToken: [] }, session];
}

function pathParameters({ path }: Route): readonly object[] {
  return [...path.matchAll(PARAMETER_PATTERN)].map(([, name]) => ({
    ...{ name, in: 'path', required: true },
    schema: { $ref: '#/components/schemas/Id' },
  }));
}

function queryParameters({ querySchema }: Route, schemas: SchemaTranslation): readonly object[] {
  const { properties, required } = schemas.translate(querySchema);
  return Object.entries(Object(properties)).map(([name, schema]) => {
    const { description, ...rest } = Object(schema);
    const isRequired = Array.isArray(required) && required.includes(name);
    return { name, in: 'query', required: isRequired, description: capitalize(description), schema: rest };
  });
}

/** Our schemas say what a value must be, for messages such as “it must be an id”. */
function capitalize(text: unknown): string {
  const words = String(text);
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}.`;
}

function headerParameters(route: Route): readonly object[] {
  const names = [
    ...(route.workspace === 'required' || route.workspace === 'named' ? ['WorkspaceId'] : []),
    ...(route.method === 'GET' ? [] : ['IdempotencyKey']),
    ...(route.hasEntityTag === true ? ['IfNoneMatch'] : []),
    'RequestId',
  ];
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function successes(route: Route, schemas: SchemaTranslation): JsonSchema {
  const statuses = SUCCESS_STATUSES.filter((status) => route.responses[status] !== undefined);
  const entries = statuses.map((status): [number, object] => [status, toSuccess(route, status, schemas)]);
  const unchanged = {
    description: 'The client has this answer already.',
    headers: toHeaders(['X-Request-Id', 'ETag']),
  };
  return { ...Object.fromEntries(entries), ...(route.hasEntityTag === true && { 304: unchanged }) };
}

function toSuccess(route: Route, status: SuccessStatus, schemas: SchemaTranslation): object {
  const shape = route.responses[status];
  const others = status === 200 ? Object.entries(route.alternatives ?? {}) : [];
  const content = {
    ...(shape && { 'application/json': { schema: schemas.translate(shape) } }),
    ...Object.fromEntries(others.map(([type, description]) => [type, { schema: { type: 'string', description } }])),
  };
  return {
    description: SUCCESS_WORDS[status],
    headers: toHeaders([
      'X-Request-Id',
      ...(route.hasEntityTag === true ? (['ETag'] as const) : []),
      ...(status === 201 ? (['Location'] as const) : []),
      ...(route.method === 'GET' ? [] : (['Idempotency-Replayed'] as const)),
    ]),
    ...(Object.keys(content).length > 0 && { content }),
  };
}
