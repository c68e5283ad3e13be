/**
 * Owns: the page on which people sign in to the local issuer: pick somebody of the demo, or type any address.
 * Does not own: what happens before and after it; oidc-provider does. There are no passwords: it runs on loopback, for
 * whoever runs the stack.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Provider } from 'oidc-provider';
import { html } from '../../bff/html.ts';
import { PAGE_HEADERS, toLocalPage } from '../local-page.ts';
import { findPerson, type Person } from './person.ts';
import { SIGN_IN_PATH } from './provider.ts';

const FORM_BYTES_MAX = 4096;
/** Serves the page. */
export class SignInPage {
  readonly #provider: Provider;
  readonly #people: readonly Person[];
  readonly #onSignIn: (person: Person) => void;

  constructor(provider: Provider, people: readonly Person[], onSignIn: (person: Person) => void) {
    this.#provider = provider;
    this.#people = people;
    this.#onSignIn = onSignIn;
  }

  /** Says whether a request is for the page. */
  static serves(request: IncomingMessage): boolean {
    return request.url?.startsWith(`${SIGN_IN_PATH}/`) === true;
  }

  /** Answers a request for the page. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#provider.interactionDetails(request, response);
    } catch {
      this.#show(response, 400, 'This sign-in has ended, or was begun in another browser. Begin again.');
      return;
    }
    if (request.method !== 'POST') {
      this.#show(response, 200);
      return;
    }
    const person = findPerson(this.#people, await readEmail(request));
    if (person === undefined) {
      this.#show(response, 400, 'That is no email address.');
      return;
    }
    this.#onSignIn(person);
    await this.#provider.interactionFinished(request, response, { login: { accountId: person.subject } });
  }

  #show(response: ServerResponse, status: number, complaint?: string): void {
    const choices = this.#people.map(
      ({ email, name, description }) =>
        html`<button name="email" value="${email}">${name}<small>${email}${description ? `: ${description}` : ''}</small></button>`,
    );
    const content = html`<p class="quiet">The local stack believes whoever you say you are.</p>
${complaint === undefined ? [] : html`<p role="alert"><strong>${complaint}</strong></p>`}
<form method="post">${choices}</form>
<form method="post"><label>Any other address <input name="email" type="email" required autocomplete="off"></label>
<button class="act">Sign in</button></form>`;
    response.writeHead(status, PAGE_HEADERS);
    response.end(toLocalPage('Sign in', content));
  }
}

async function readEmail(request: IncomingMessage): Promise<string> {
  if (Number(request.headers['content-length'] ?? FORM_BYTES_MAX + 1) > FORM_BYTES_MAX) return '';
  return new URLSearchParams(await text(request)).get('email') ?? '';
}
