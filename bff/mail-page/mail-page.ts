// Owns `/confirm-signup` and `/accept-invitation`, where the links of mails lead: what a person is shown and asked there, and
// that it leads into the Console, where there is one. Does not own what confirming and accepting are (routes/), or how the pages look (page.ts).
// Invariants: to open a link changes nothing, since programs that look through mails open it too: only a form that our own
// page showed does; the token of a mail is in no address that is sent to a server, and in no log.

import type { Request, Response } from 'express';
import { missingCredential } from '../bearer-challenge.ts';
import { readForm } from '../body.ts';
import type { BrowserSession, BrowserSessions } from '../browser-session/browser-session.ts';
import { ARRIVAL_PARAMETER, PAGE_PATHS } from '../console/page-path.ts';
import type { MyWorkspaceJson } from '../convert-people.ts';
import { html, type Markup } from '../html.ts';
import type { KernelClient } from '../kernel-client.ts';
import type { PathMethod } from '../path-table.ts';
import type { ProblemReason } from '../problem.ts';
import { contextOf } from '../request-context.ts';
import { toCallContext } from '../route-runner.ts';
import { MAIL_TOKEN_BODY } from '../routes/field.ts';
import { acceptInvitation } from '../routes/invitation.ts';
import { confirmSignup } from '../routes/signup.ts';
import { sendPage } from './page.ts';

/** Whoever has only the link may paste all of it. */
const BEFORE_TOKEN = /^.*#token=/;

/** What the pages need. */
export interface MailPageDependencies {
  readonly sessions: BrowserSessions;
  readonly kernel: KernelClient;
  readonly productCode: string;
  /** Is the name of the product, as people know it. */
  readonly productName: string;
  /** Says that the deployment serves the Console. */
  readonly hasConsole: boolean;
}

/** What one of the pages says and does. */
interface MailPage {
  readonly path: string;
  readonly title: string;
  /** Says what will happen. */
  readonly announcement: string;
  /** Is what the button says. */
  readonly action: string;
  readonly act: typeof confirmSignup;
  /** Say what has happened. */
  readonly doneTitle: string;
  readonly tell: (workspace: Pick<MyWorkspaceJson, 'display_name'>) => string;
}

const PAGES: readonly MailPage[] = [
  {
    path: '/confirm-signup',
    title: 'Open your workspace',
    announcement:
      'This opens the workspace that was asked for with your email address, and makes you its administrator.',
    action: 'Open the workspace',
    act: confirmSignup,
    doneTitle: 'Your workspace is open',
    tell: ({ display_name }) => `“${display_name}” is there, and you are its administrator.`,
  },
  {
    path: '/accept-invitation',
    title: 'Accept your invitation',
    announcement: 'This makes you a member of the workspace that you were invited to.',
    action: 'Accept the invitation',
    act: acceptInvitation,
    doneTitle: 'Invitation accepted',
    tell: ({ display_name }) => `You are a member of “${display_name}” now.`,
  },
];

/** What programs are told otherwise. */
const WORDS: ReadonlyMap<string, string> = new Map<ProblemReason, string>([
  ['CREDENTIAL_INVALID', 'You are not signed in any more; sign in again.'],
  [
    'CSRF_TOKEN_INVALID',
    'This was not sent by our own page, or belongs to an earlier session; go back, and try again.',
  ],
  ['INVALID_FIELD', 'The link is missing, or not whole; open it in the mail again, or copy all of it.'],
  ['MEMBER_LIMIT_REACHED', 'The workspace has as many members as its plan allows; ask whoever invited you.'],
  ['OUTCOME_UNKNOWN', 'It is not known whether it was done; go back, and try again: it happens once.'],
]);

/** What another sign-in may put right. */
const BY_SIGNING_IN: ReadonlySet<string> = new Set<ProblemReason>([
  'CREDENTIAL_INVALID',
  'EMAIL_MISMATCH',
  'EMAIL_NOT_VERIFIED',
]);

/** Builds the paths of the pages. */
export function createMailPages(dependencies: MailPageDependencies): readonly PathMethod[] {
  return PAGES.flatMap((page): readonly PathMethod[] => [
    { method: 'GET', path: page.path, handle: (request, response) => show(page, dependencies, request, response) },
    { method: 'POST', path: page.path, handle: (request, response) => perform(page, dependencies, request, response) },
  ]);
}

/** Says what will happen, and asks whether it shall, or to sign in first. */
async function show(
  page: MailPage,
  { sessions, productName }: MailPageDependencies,
  request: Request,
  response: Response,
): Promise<void> {
  showProblemsOn(page, productName, response);
  const session = await sessions.find(request);
  if (session !== undefined) contextOf(response).identity = session.person;
  const content = session === undefined ? toSignInFirst(page) : toForm(page, session);
  sendPage(response, 200, { title: page.title, productName, content });
}

/** Does what the page said. */
async function perform(
  page: MailPage,
  { sessions, kernel, productCode, productName, hasConsole }: MailPageDependencies,
  request: Request,
  response: Response,
): Promise<void> {
  showProblemsOn(page, productName, response);
  const session = await sessions.open(request);
  if (session === undefined) throw missingCredential('This browser has no session; sign in at /auth/login.');
  contextOf(response).identity = session.person;
  const fields = await readForm(request, response);
  sessions.assertOwnPage(request, session, fields.get('csrf_token') ?? '');
  const body = MAIL_TOKEN_BODY({ token: fields.get('token')?.trim().replace(BEFORE_TOKEN, '') });
  const context = toCallContext(session.person, request, response);
  const { workspace } = await page.act(body, { kernel, productCode, context });
  if (hasConsole) {
    sendToConsole(response, workspace);
    return;
  }
  const content = html`<p data-done>${page.tell(workspace)}</p><p class="quiet">You can close this page.</p>`;
  sendPage(response, 200, { title: page.doneTitle, productName, content });
}

/** Sends a browser on into the workspace, which the Console then says; 303, since it came with a form. */
function sendToConsole(response: Response, { workspace_id: id }: Pick<MyWorkspaceJson, 'workspace_id'>): void {
  response.statusCode = 303;
  response.setHeader('Location', `${PAGE_PATHS.billing}?${new URLSearchParams({ [ARRIVAL_PARAMETER]: id })}`);
  response.end();
}

function toSignInFirst({ path, announcement }: MailPage): Markup {
  return html`<p>${announcement}</p>
<p>First sign in, with the email address that the mail was sent to.</p>
${toAct(toSignIn(path), 'Sign in')}`;
}

function toForm({ path, announcement, action }: MailPage, { person, csrfToken }: BrowserSession): Markup {
  const who = person.email ?? person.displayName ?? 'somebody whose email address is not verified';
  return html`<p>${announcement}</p>
<p>You are signed in as <strong>${who}</strong>.</p>
<form method="post" action="${path}">
<input type="hidden" name="csrf_token" value="${csrfToken}">
<label>Link in the mail <small>Copy it out of the mail, and paste it here.</small>
<input name="token" required autocomplete="off" spellcheck="false"></label>
<button>${action}</button>
</form>
${toAside(toSignInAnew(path), 'Sign in with another address')}`;
}

/** Problems of this request are shown in words, with the ways on from there. */
function showProblemsOn({ path }: MailPage, productName: string, response: Response): void {
  const context = contextOf(response);
  context.showProblem = (problem) => {
    for (const [name, value] of Object.entries(problem.toHeaders())) response.setHeader(name, value);
    const waysOn = BY_SIGNING_IN.has(problem.reason)
      ? [toAct(toSignInAnew(path), 'Sign in'), toAside(path, 'Back')]
      : [toAct(path, 'Back'), toAside(toSignInAnew(path), 'Sign in with another address')];
    const content = html`<p role="alert">${WORDS.get(problem.reason) ?? problem.kind.detail}</p>
${waysOn}
<p class="quiet">Request ${context.requestId}</p>`;
    sendPage(response, problem.kind.status, { title: problem.kind.title, productName, content });
  };
}

/** Is the way that is to be taken. */
function toAct(address: string, words: string): Markup {
  return html`<p><a class="act" href="${address}">${words}</a></p>`;
}

/** Is another way that may be taken. */
function toAside(address: string, words: string): Markup {
  return html`<p class="quiet"><a href="${address}">${words}</a></p>`;
}

/** The issuer asks also whoever is signed in there, who would come back as the same person. */
function toSignInAnew(path: string): string {
  return `${toSignIn(path)}&prompt=login`;
}

function toSignIn(path: string): string {
  return `/auth/login?return_to=${encodeURIComponent(path)}`;
}
