// Owns which methods each path takes: GET brings HEAD, every path takes OPTIONS, and any other method is refused with what there
// is instead. Does not own what the handlers do.

import type { Express, Request, Response } from 'express';
import { Problem } from './problem.ts';

/** Answers a request, to its end. */
export type Handler = (request: Request, response: Response) => Promise<void>;

/** One method of one path. */
export interface PathMethod {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly handle: Handler;
}

const PARAMETER_PATTERN = /:([a-z_]+)/g;

/** Defines paths with their methods. */
export function definePaths(app: Express, entries: readonly PathMethod[]): void {
  for (const [path, methods] of Map.groupBy(entries, (entry) => entry.path)) {
    definePath(app, path, methods);
  }
}

function definePath(app: Express, path: string, entries: readonly PathMethod[]): void {
  const methods = entries.map(({ method }) => method);
  const allowed = [...methods.flatMap((method) => (method === 'GET' ? [method, 'HEAD'] : [method])), 'OPTIONS'];
  const route = app.route(path);
  for (const { method, handle } of entries) {
    route[toRegistrar(method)](handle);
  }
  route.options((_request, response) => {
    response.setHeader('Allow', allowed.join(', '));
    response.status(204).end();
  });
  route.all((request) => {
    const shown = path.replaceAll(PARAMETER_PATTERN, '{$1}');
    throw new Problem('METHOD_NOT_ALLOWED', {
      detail: `${shown} does not take ${request.method}; use ${methods.join(' or ')}.`,
      headers: { Allow: allowed.join(', ') },
    });
  });
}

function toRegistrar(method: PathMethod['method']): 'get' | 'post' | 'put' | 'patch' | 'delete' {
  switch (method) {
    case 'GET':
      return 'get';
    case 'POST':
      return 'post';
    case 'PUT':
      return 'put';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return 'delete';
  }
}
