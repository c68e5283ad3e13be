// Owns what a route is: a method and a path, who may call it, which workspace it is about, how its input is checked, and how
// the kernel answers it. Does not own how a request gets there (app.ts).

import { type CheckBody, checkEmptyBody } from '../body.ts';
import type { CallContext, KernelClient } from '../kernel-client.ts';
import { type ReadQuery, readEmptyQuery } from '../query.ts';
import type { RenderedJson } from '../rendered-json.ts';
import { type ParameterNames, readIds } from '../request-field.ts';

/** What a route has to answer with. */
export interface RouteCall {
  readonly kernel: KernelClient;
  /** Is the product of this deployment, from its configuration. */
  readonly productCode: string;
  readonly context: CallContext;
  /** Is the CSRF token of the browser's session, where one calls. */
  readonly csrfToken?: string;
}

/** What a route about one workspace has to answer with. */
export interface WorkspaceCall extends RouteCall {
  readonly tenantId: string;
}

/** An answer that says more than its JSON. */
export class Reply {
  readonly status: 200 | 201 | 202 | 204;
  readonly body: object | undefined;
  /** Is the path of what was made. */
  readonly location: string | undefined;
  /** Says that an earlier request with the same idempotency key did it. */
  readonly replayed: boolean;

  private constructor(status: 200 | 201 | 202 | 204, replayed: boolean, body?: object, location?: string) {
    this.status = status;
    this.replayed = replayed;
    this.body = body;
    this.location = location;
  }

  /** Answers that something was made, and where it is. */
  static created(location: string, body: object, replayed: boolean): Reply {
    return new Reply(201, replayed, body, location);
  }

  /** Answers that something was done, with what it is now. */
  static done(body: object, replayed = false): Reply {
    return new Reply(200, replayed, body);
  }

  /** Answers that something is under way, and goes on by itself. */
  static accepted(body: object, replayed: boolean): Reply {
    return new Reply(202, replayed, body);
  }

  /** Answers that something is gone. */
  static gone(replayed = false): Reply {
    return new Reply(204, replayed);
  }
}

/** What a route answers. */
export type Answer = object | RenderedJson | Reply;

/** A request as it came, its body parsed. */
export interface RawInput {
  readonly query: unknown;
  readonly body: unknown;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Is the request's own, or one that was made for it. */
  readonly idempotencyKey: string;
  /** Says that it is the request's own. */
  readonly namesKey: boolean;
}

/** A request whose parts were checked. */
export interface Input<Query, Body, Path extends string> {
  readonly query: Query;
  readonly body: Body;
  readonly ids: Readonly<Record<ParameterNames<Path>, string>>;
  readonly idempotencyKey: string;
  /** Says that the header names the key. */
  readonly namesKey: boolean;
}

/** Is the method of a route; GET serves HEAD with it. */
export type RouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface RouteHead {
  readonly method: RouteMethod;
  readonly path: string;
  /** Says that nobody needs to be signed in; whoever is signed in counts as nobody, too. */
  readonly isOpen: boolean;
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
interface RouteSpec<Query, Body, Path extends string, Workspace, Call> {
  readonly method: RouteMethod;
  readonly path: Path;
  readonly workspace: Workspace;
  readonly isOpen?: boolean;
  /** Default a query without parameters. */
  readonly query?: ReadQuery<Query>;
  /** Default a body without fields. */
  readonly body?: CheckBody<Body>;
  /**
   * Answers a request. Throws ServiceError when the kernel refuses, ConversionError when the kernel's answer can't be
   * shown.
   */
  readonly answer: (input: Input<Query, Body, Path>, call: Call) => Promise<Answer>;
}

type Empty = Record<string, never>;

/** Defines a route that is about no workspace, or is told the one that the request names. */
export function defineRoute<Path extends string, Query = Empty, Body = Empty>(
  spec: RouteSpec<Query, Body, Path, PlainRoute['workspace'], RouteCall>,
): PlainRoute {
  const { method, path, workspace, isOpen = false } = spec;
  return { method, path, workspace, isOpen, prepare: (raw) => prepare(spec, raw) };
}

/** Defines a route about one workspace. */
export function defineWorkspaceRoute<Path extends string, Query = Empty, Body = Empty>(
  spec: RouteSpec<Query, Body, Path, WorkspaceRoute['workspace'], WorkspaceCall>,
): WorkspaceRoute {
  const { method, path, workspace, isOpen = false } = spec;
  return { method, path, workspace, isOpen, prepare: (raw) => prepare(spec, raw) };
}

function prepare<Query, Body, Path extends string, Workspace, Call>(
  spec: RouteSpec<Query, Body, Path, Workspace, Call>,
  { query, body, parameters, idempotencyKey, namesKey }: RawInput,
): (call: Call) => Promise<Answer> {
  // Where a spec names no reader, its types are those of the empty ones.
  const readQuery = spec.query ?? (readEmptyQuery as ReadQuery<Query>);
  const checkBody = spec.body ?? (checkEmptyBody as CheckBody<Body>);
  const input: Input<Query, Body, Path> = {
    query: readQuery(query),
    body: checkBody(body),
    // Express gives the parameters that the path names.
    ids: readIds(parameters) as Input<Query, Body, Path>['ids'],
    idempotencyKey,
    namesKey,
  };
  return (call) => spec.answer(input, call);
}
