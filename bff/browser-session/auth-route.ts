// Owns `/auth/login`, `/auth/callback` and `/auth/logout`: how browsers begin and end a session. Without the settings of
// sessions these paths do not exist.

import type { Response } from 'express';
import type { PathMethod } from '../path-table.ts';
import { defineQuery } from '../query.ts';
import type { BrowserSessions } from './browser-session.ts';
import { readReturnPath } from './return-path.ts';
import { CALLBACK_PATH, type SignIn } from './sign-in.ts';

/** What the paths need. */
export interface AuthRouteDependencies {
  readonly sessions: BrowserSessions;
  readonly signIn: SignIn;
  readonly publicUrl: URL;
}

interface LoginQuery {
  return_to?: string;
  prompt?: 'login';
}

const readLoginQuery = defineQuery<LoginQuery>({
  type: 'object',
  properties: {
    return_to: { type: 'string', nullable: true, description: 'a path of this site such as /billing' },
    prompt: { type: 'string', nullable: true, enum: ['login'], description: 'login, to be asked who one is' },
  },
  required: [],
  additionalProperties: false,
});

/** Builds the paths. */
export function createAuthRoutes({ sessions, signIn, publicUrl }: AuthRouteDependencies): readonly PathMethod[] {
  return [
    {
      method: 'GET',
      path: '/auth/login',
      async handle(request, response) {
        const { return_to, prompt } = readLoginQuery(request.query);
        const { location, cookie } = await signIn.begin(readReturnPath(return_to, publicUrl), prompt);
        response.setHeader('Set-Cookie', cookie);
        sendRedirect(response, location);
      },
    },
    {
      method: 'GET',
      path: CALLBACK_PATH,
      async handle(request, response) {
        // An attempt is over with its first answer, whatever that is.
        response.setHeader('Set-Cookie', signIn.removal);
        const { person, returnPath } = await signIn.finish(request);
        response.setHeader('Set-Cookie', [signIn.removal, await sessions.begin(person)]);
        sendRedirect(response, returnPath);
      },
    },
    {
      method: 'POST',
      path: '/auth/logout',
      async handle(request, response) {
        const session = await sessions.open(request);
        // Whoever has no session is signed out already; a page of another site, whose request has none, can't end ours.
        if (session !== undefined) {
          sessions.assertOwnPage(request, session);
          response.setHeader('Set-Cookie', sessions.removal);
        }
        response.status(204).end();
      },
    },
  ];
}

/** 303: the browser goes on with GET, whatever it came with. */
function sendRedirect(response: Response, location: string): void {
  response.statusCode = 303;
  response.setHeader('Location', location);
  response.end();
}
