// Owns what a route is: a method and a path, who may call it, which workspace it is about, how its input is checked, how
// the kernel answers it, and what of all this the document of the API tells (openapi/). Does not own how a request gets there
// (app.ts).
// Invariant: what the document tells of a route stands in its definition alone, and what can be derived is not said again.

import { type CheckBody, checkEmptyBody } from '../body.ts';
import type { CallContext } from '../call-context.ts';
import type { RoleName } from '../convert-people.ts';
import type { KernelClient } from '../kernel-client.ts';
import type { ProblemReason } from '../problem.ts';
import { type ReadQuery, readEmptyQuery } from '../query.ts';
import type { RenderedJson } from '../rendered-json.ts';
import { type ParameterNames, readIds } from '../request-field.ts';
import type { JsonSchema, Shape } from '../shape.ts';
import type { StreamDesk } from '../stream-desk.ts';
import type { StreamReply } from '../stream-reply.ts';

/** What a route has to answer with. */
export interface RouteCall {
  readonly kernel: KernelClient;
  /** Is the product of this deployment, from its configuration. */
  readonly productCode: string;
  readonly context: CallContext;
  /** Gives places to answers that are streamed. */
  readonly streams: StreamDesk;
  /** Is the CSRF token of the browser's session, where one calls. */
  readonly csrfToken?: string;
}

/** What a route about one workspace has to answer with. */
export interface WorkspaceCall extends RouteCall {
  readonly tenantId: string;
}

/** Is the status of an answer that is no problem. */
export type SuccessStatus = 200 | 201 | 202 | 204;

/** An answer that says more than its JSON. */
export class Reply<Body extends object> {
  readonly status: SuccessStatus;
  readonly body: Body | undefined;
  /** Is the path of what was made. */
  readonly location: string | undefined;
  /** Says that an earlier request with the same idempotency key did it. */
  readonly replayed: boolean;

  private constructor(status: SuccessStatus, replayed: boolean, body?: Body, location?: string) {
    this.status = status;
    this.replayed = replayed;
    this.body = body;
    this.location = location;
  }

  /** Answers that something was made, and where it is. */
  static created<Body extends object>(location: string, body: Body, replayed: boolean): Reply<Body> {
    return new Reply(201, replayed, body, location);
  }

  /** Answers that something was done, with what it is now. */
  static done<Body extends object>(body: Body, replayed = false): Reply<Body> {
    return new Reply(200, replayed, body);
  }

  /** Answers that something is under way, and goes on by itself. */
  static accepted<Body extends object>(body: Body, replayed: boolean): Reply<Body> {
    return new Reply(202, replayed, body);
  }

  /** Answers that something is gone. */
  static gone(replayed = false): Reply<never> {
    return new Reply(204, replayed);
  }
}

/** What a route answers. */
export type Answer<Json extends object = object> = Json | RenderedJson | Reply<Json> | StreamReply;

/**
 * Whom a route is for: whoever asks (whoever is signed in counts as nobody, too), whoever is signed in, a member of the
 * workspace, or who has at least this role in it. The kernel enforces it.
 */
export type Need = 'nothing' | 'sign_in' | 'membership' | RoleName;

/** What is answered by status; null where the answer has no body. */
export type Responses<Json> = { readonly [Status in SuccessStatus]?: Shape<Json> | null };

/** A request as it came, its body parsed. */
export interface RawInput {
  readonly query: unknown;
  readonly body: unknown;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Is the request's own, or one that was made for it. */
  readonly idempotencyKey: string;
  /** Says that it is the request's own. */
  readonly namesKey: boolean;
  /** Finds which of some media types the client likes best; false where it takes none. */
  readonly accepts: (types: readonly string[]) => string | false;
  /** Is the id of the last event that a client of an event stream has seen; empty where there is none. */
  readonly lastEventId: string;
}

/** A request whose parts were checked. */
export interface Input<Query, Body, Path extends string> extends Pick<RawInput, 'accepts' | 'lastEventId'> {
  readonly query: Query;
  readonly body: Body;
  readonly ids: Readonly<Record<ParameterNames<Path>, string>>;
  readonly idempotencyKey: string;
  /** Says that the header names the key. */
  readonly namesKey: boolean;
}

/** Is the method of a route; GET serves HEAD with it. */
export type RouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What the document tells of a route. */
export interface RouteDescription {
  /** Is the name of the operation, for clients that are made from the document. */
  readonly name: string;
  /** Says in a few words what it does. */
  readonly summary: string;
  /** Says what a caller needs to know beside that; Markdown. */
  readonly description?: string;
  readonly needs: Need;
  /** Says that only a person can call it, no personal access token. */
  readonly isPersonal?: boolean;
  /**
   * Says what a second request does where the method is not GET. Default `by_key`: under the same idempotency key nothing more.
   * `by_nature`: nothing more under any key.
   */
  readonly repeat?: 'by_key' | 'by_nature';
  /** Says that the answer has an entity tag, and that who has it already is spared it. */
  readonly hasEntityTag?: boolean;
  /** Are the reasons why it is refused, but for those that every route of its kind has (openapi/common-reason.ts). */
  readonly reasons: readonly ProblemReason[];
  /** Are the media types other than JSON that 200 can have, each with what its text is. */
  readonly alternatives?: Readonly<Record<string, string>>;
}

interface RouteHead extends RouteDescription {
  readonly method: RouteMethod;
  readonly path: string;
  readonly querySchema: JsonSchema;
  /** Is undefined where no body is taken. */
  readonly bodySchema: JsonSchema | undefined;
  readonly responses: Responses<unknown>;
}

/** A route that is about no workspace, or is told the one that the request names. */
export interface PlainRoute extends RouteHead {
  readonly workspace: 'none' | 'named';
  /** Checks the input. Throws INVALID_FIELD, which names what is wrong with it. */
  readonly prepare: (raw: RawInput) => (call: RouteCall) => Promise<Answer>;
}

/**
 * A route about one workspace: the one in its path (as the parameter `workspace_id`), or the one that the request names, or
 * the caller's only one.
 */
export interface WorkspaceRoute extends RouteHead {
  readonly workspace: 'path' | 'required';
  /** Checks the input. Throws INVALID_FIELD, which names what is wrong with it. */
  readonly prepare: (raw: RawInput) => (call: WorkspaceCall) => Promise<Answer>;
}

/** One method of one path of the API. */
export type Route = PlainRoute | WorkspaceRoute;

/** Describes a route. */
interface RouteSpec<Query, Body, Path extends string, Workspace, Call, Json extends object> extends RouteDescription {
  readonly method: RouteMethod;
  readonly path: Path;
  readonly workspace: Workspace;
  /** Default a query without parameters. */
  readonly query?: ReadQuery<Query>;
  /** Default a body without fields. */
  readonly body?: CheckBody<Body>;
  readonly responses: Responses<Json>;
  /**
   * Answers a request. Throws ServiceError when the kernel refuses, ConversionError when the kernel's answer can't be
   * shown.
   */
  readonly answer: (input: Input<Query, Body, Path>, call: Call) => Promise<Answer<NoInfer<Json>>>;
}

type Empty = Record<string, never>;

/** Defines a route that is about no workspace, or is told the one that the request names. */
export function defineRoute<Path extends string, Query = Empty, Body = Empty, Json extends object = never>(
  spec: RouteSpec<Query, Body, Path, PlainRoute['workspace'], RouteCall, Json>,
): PlainRoute {
  return { ...toHead(spec), workspace: spec.workspace, prepare: (raw) => prepare(spec, raw) };
}

/** Defines a route about one workspace. */
export function defineWorkspaceRoute<Path extends string, Query = Empty, Body = Empty, Json extends object = never>(
  spec: RouteSpec<Query, Body, Path, WorkspaceRoute['workspace'], WorkspaceCall, Json>,
): WorkspaceRoute {
  return { ...toHead(spec), workspace: spec.workspace, prepare: (raw) => prepare(spec, raw) };
}

function toHead<Query, Body, Path extends string, Workspace, Call, Json extends object>(
  spec: RouteSpec<Query, Body, Path, Workspace, Call, Json>,
): RouteHead {
  const { workspace: _workspace, answer: _answer, query, body, ...head } = spec;
  return { ...head, querySchema: (query ?? readEmptyQuery).schema, bodySchema: body?.schema };
}

function prepare<Query, Body, Path extends string, Workspace, Call, Json extends object>(
  spec: RouteSpec<Query, Body, Path, Workspace, Call, Json>,
  { query, body, parameters, ...rest }: RawInput,
): (call: Call) => Promise<Answer> {
  // Where a spec names no reader, its types are those of the empty ones.
  const readQuery = spec.query ?? (readEmptyQuery as ReadQuery<Query>);
  const checkBody = spec.body ?? (checkEmptyBody as CheckBody<Body>);
  const input: Input<Query, Body, Path> = {
    query: readQuery(query),
    body: checkBody(body),
    // Express gives the parameters that the path names.
    ids: readIds(parameters) as Input<Query, Body, Path>['ids'],
    ...rest,
  };
  return (call) => spec.answer(input, call);
}
