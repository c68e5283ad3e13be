// Owns how the pages that mails lead to look, and what keeps them safe in a browser. Does not own when which is shown
// (mail-page.ts).
// Invariants: a page loads nothing, and runs no script but ours; what stands behind `#` of its address goes to no server.

import { hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { html, type Markup } from '../html.ts';

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#c8ccd4, #4a4f59); --quiet: light-dark(#59606d, #a4abb8);
  --ground: light-dark(#f6f7f9, #16181d); --paper: light-dark(#fff, #1f2228); --act: light-dark(#2a4fd0, #8ea8ff);
  --on-act: light-dark(#fff, #10131a); font: 16px/1.55 system-ui, sans-serif; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: start center; padding: 12vh 1rem 2rem; background: var(--ground); }
main { width: min(30rem, 100%); padding: 2rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--paper); }
h1 { margin: 0 0 1rem; font-size: 1.375rem; line-height: 1.3; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
main > :last-child { margin-bottom: 0; }
form { margin: 1.5rem 0 0; }
label { display: block; margin: 0 0 1rem; font-weight: 600; }
small { display: block; font-size: .875rem; font-weight: 400; color: var(--quiet); }
input { display: block; width: 100%; margin-top: .375rem; padding: .625rem .75rem; font: inherit; font-weight: 400;
  color: inherit; background: transparent; border: 1px solid var(--line); border-radius: .5rem; }
button, a.act { display: block; width: 100%; padding: .75rem 1rem; font: inherit; font-weight: 600; text-align: center;
  text-decoration: none; color: var(--on-act); background: var(--act); border: 0; border-radius: .5rem; cursor: pointer; }
a { color: var(--act); }
.quiet { margin: 1rem 0 0; font-size: .875rem; color: var(--quiet); }
:focus-visible { outline: 3px solid #e08a00; outline-offset: 2px; }
[hidden] { display: none; }
@media (max-width: 30rem) { body { padding: 1rem; } main { padding: 1.5rem 1.25rem; } }
`;

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

/** Sends a page. */
export function sendPage(response: ServerResponse, status: number, title: string, content: Markup): void {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${{ markup: STYLE }}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${content}
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
