// Owns how the pages that mails lead to look, and what keeps them safe in a browser. Does not own when which is shown
// (mail-page.ts).
// Invariants: a page loads nothing, and runs no script but ours; what stands behind `#` of its address goes to no server.

import { hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { html, type Markup } from '../html.ts';

/** Looks as the Console does, by the colours of its theme, without anything that is loaded. */
const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#e6e8ed, #2a2e37); --quiet: light-dark(#5b6270, #9aa0ad);
  --ground: light-dark(#fbfbfd, #0f1115); --paper: light-dark(#fff, #14161b); --text: light-dark(#1c202a, #e3e5ea);
  --link: light-dark(#454eab, #a9b1f2); --field: light-dark(#d7dae1, #3a3f4a); --wrong: light-dark(#c02626, #ff8585);
  --act: #525cc4; --act-hover: #454eab; font: 16px/1.5 'Inter Variable', Inter, system-ui, sans-serif; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100dvh; display: grid; place-items: start center; padding: 12vh 1.25rem 2rem;
  background: var(--ground); color: var(--text); -webkit-font-smoothing: antialiased; }
main { display: grid; gap: 1.5rem; width: min(27rem, 100%); }
.brand { display: flex; align-items: center; gap: .625rem; margin: 0; font-weight: 650; }
section { padding: 2rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--paper); }
h1 { margin: 0 0 .75rem; font-size: 1.625rem; font-weight: 600; line-height: 1.35; }
p { margin: 0 0 1rem; color: var(--quiet); overflow-wrap: anywhere; }
p strong { color: var(--text); font-weight: 600; }
p[role=alert] { color: var(--wrong); }
section > :last-child { margin-bottom: 0; }
form { margin: 1.5rem 0 0; }
label { display: block; margin: 0 0 1rem; font-size: .875rem; font-weight: 500; }
small { display: block; font-size: .75rem; font-weight: 400; color: var(--quiet); }
input { display: block; width: 100%; height: 2.625rem; margin-top: .375rem; padding: 0 .75rem; font: inherit; font-weight: 400;
  color: inherit; background: transparent; border: 1px solid var(--field); border-radius: .5rem; }
button, a.act { display: block; width: 100%; padding: .5625rem 1.25rem; font: inherit; font-weight: 600; text-align: center;
  text-decoration: none; color: #fff; background: var(--act); border: 0; border-radius: .5rem; cursor: pointer; }
button:hover, a.act:hover { background: var(--act-hover); }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
.quiet { margin: 1rem 0 0; font-size: .875rem; }
:focus-visible { outline: 2px solid var(--act); outline-offset: 2px; }
[hidden] { display: none; }
@media (max-width: 30rem) { body { padding-top: 2.5rem; } section { padding: 1.5rem; } }
`;

const MARK = html`<svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
<rect width="32" height="32" rx="8" fill="#5661c8"/>
<g fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"><circle cx="16" cy="16" r="8"/>
<circle cx="16" cy="16" r="1.6" fill="#fff"/><path d="M16 8v5M16 19v5M8 16h5M19 16h5"/></g></svg>`;

/**
 * Takes the token out of the address, and keeps it in this tab until it has served: the way past the issuer would lose it.
 * Without it, or without scripts, the person copies the link into the form.
 */
const SCRIPT = `
const name = 'wheelhouse:' + location.pathname;
const sent = new URLSearchParams(location.hash.slice(1)).get('token');
if (sent) {
  sessionStorage.setItem(name, sent);
  history.replaceState(null, '', location.pathname);
}
if (document.querySelector('[data-done]')) sessionStorage.removeItem(name);
const token = sessionStorage.getItem(name);
const field = document.querySelector('input[name=token]');
if (field && token) {
  field.value = token;
  field.closest('label').hidden = true;
}
`;

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src '${toSource(STYLE)}'`,
    `script-src '${toSource(SCRIPT)}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  // Not `no-referrer`, by which a browser hides from us as well that a form comes from our own page.
  'Referrer-Policy': 'same-origin',
};

/** Is what a page says. */
export interface PageContent {
  readonly title: string;
  /** Is the name of the product, as people know it. */
  readonly productName: string;
  readonly content: Markup;
}

/** Sends a page. */
export function sendPage(response: ServerResponse, status: number, { title, productName, content }: PageContent): void {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · ${productName}</title>
<style>${{ markup: STYLE }}</style>
</head>
<body>
<main>
<p class="brand">${MARK}<strong>${productName}</strong></p>
<section>
<h1>${title}</h1>
${content}
</section>
</main>
<script>${{ markup: SCRIPT }}</script>
</body>
</html>
`;
  const bytes = Buffer.from(page.markup);
  response.statusCode = status;
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  response.setHeader('Content-Length', bytes.byteLength);
  response.end(bytes);
}

/** Names a text of the page in its policy. */
function toSource(text: string): string {
  return `sha256-${hash('sha256', text, 'base64')}`;
}
