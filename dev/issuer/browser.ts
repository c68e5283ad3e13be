/**
 * Owns: a browser without a screen, for scripts and tests: it keeps cookies for each host and shows every redirect.
 * Does not own: which pages it goes to.
 */

/** Keeps the cookies of some hosts. */
export class Browser {
  readonly #fetch: (url: string | URL, options: RequestInit) => Promise<Response>;
  /** By host name, as browsers do: ports share them. */
  readonly #cookies = new Map<string, Map<string, string>>();

  /** Takes what requests are sent by; default `fetch`. */
  constructor(send: (url: string | URL, options: RequestInit) => Promise<Response> = fetch) {
    this.#fetch = send;
  }

  /** Sends a request with the cookies of its host, and keeps those of the answer. A redirect is answered, not followed. */
  async send(url: string | URL, options: RequestInit = {}): Promise<Response> {
    const { hostname } = new URL(url);
    const headers = new Headers(options.headers);
    const cookies = this.cookies(hostname);
    if (cookies.size > 0) headers.set('cookie', [...cookies].map((pair) => pair.join('=')).join('; '));
    const response = await this.#fetch(url, { ...options, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) keep(cookies, line);
    return response;
  }

  /** Sends a form. */
  async submit(url: string | URL, fields: Readonly<Record<string, string>>): Promise<Response> {
    return await this.send(url, { method: 'POST', body: new URLSearchParams(fields) });
  }

  /** Are the cookies of a host, by name; they may be changed. */
  cookies(hostname: string): Map<string, string> {
    const known = this.#cookies.get(hostname) ?? new Map<string, string>();
    this.#cookies.set(hostname, known);
    return known;
  }
}

/** Returns where an answer sends the browser. Throws when it is no redirect. */
export function locationOf(response: Response): URL {
  const location = response.headers.get('location');
  if (location === null) throw new Error(`${response.url} answered ${response.status} where it should send us on.`);
  return new URL(location, response.url);
}

function keep(cookies: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
  const end = pair.indexOf('=');
  const [name, value] = [pair.slice(0, end), pair.slice(end + 1)];
  const isRemoved = attributes.some((attribute) => /^(max-age=0|expires=thu, 01 jan 1970)/i.test(attribute));
  if (isRemoved || value === '') cookies.delete(name);
  else cookies.set(name, value);
}
