/**
 * Owns: the frame and the look of the local stack's own pages, and the headers that they are sent with.
 * Does not own: what they say, and the pages of the Stripe sandbox.
 * Invariant: a page loads nothing and runs no script.
 */
import { html, type Markup } from '../bff/html.ts';

/** Are the headers of every page. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
} as const;

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#c8ccd4, #4a4f59); --quiet: light-dark(#59606d, #a4abb8);
  --ground: light-dark(#f6f7f9, #16181d); --paper: light-dark(#fff, #1f2228); --act: light-dark(#2a4fd0, #8ea8ff);
  --on-act: light-dark(#fff, #10131a); font: 16px/1.55 system-ui, sans-serif; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: start center; padding: 3rem 1rem; background: var(--ground); }
main { width: min(36rem, 100%); }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.3; }
h2 { margin: 0; font-size: 1.0625rem; overflow-wrap: anywhere; }
p { margin: 0 0 1.25rem; overflow-wrap: anywhere; }
a { color: var(--act); }
small, .quiet { font-size: .875rem; color: var(--quiet); }
small { display: block; }
article { margin: 0 0 1rem; padding: 1rem 1.25rem; background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; }
pre { margin: 0; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
label { display: block; margin: 1.75rem 0 0; font-weight: 600; }
button, input { display: block; width: 100%; margin: 0 0 .625rem; padding: .625rem .875rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: .5rem; }
input { margin: .375rem 0 .75rem; }
button { cursor: pointer; text-align: start; }
button:hover { border-color: var(--act); }
button.act { font-weight: 600; text-align: center; color: var(--on-act); background: var(--act); border-color: transparent; }
:focus-visible { outline: 3px solid #e08a00; outline-offset: 2px; }
@media (max-width: 30rem) { body { padding-top: 1.25rem; } }
`;

/** Returns a whole page; one with a refresh loads itself again after so many seconds. */
export function toLocalPage(title: string, content: Markup, refreshSeconds?: number): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refreshSeconds === undefined ? [] : html`<meta http-equiv="refresh" content="${refreshSeconds}">`}
<title>${title}</title>
<style>${{ markup: STYLE }}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`.markup;
}
