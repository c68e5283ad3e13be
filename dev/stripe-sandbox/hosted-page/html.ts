/**
 * Owns: the frame around each of the sandbox's pages.
 * Does not own: what the pages say.
 */
import { html, type Markup } from '../../../bff/html.ts';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; place-items: start center; padding: 2rem 1rem; }
main { width: min(34rem, 100%); }
.sandbox { margin: 0 0 1.5rem; padding: .5rem .75rem; border: 2px dashed; border-radius: .5rem; font-size: .875rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
table { width: 100%; border-collapse: collapse; margin: 0 0 1.5rem; }
th, td { text-align: start; padding: .35rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
td:last-child, th:last-child { text-align: end; font-variant-numeric: tabular-nums; }
tfoot th, tfoot td { font-weight: 700; border: 0; }
.cards td:first-child { font-family: ui-monospace, monospace; white-space: nowrap; padding-inline-end: 1rem; }
.cards td:last-child, .cards th:last-child { text-align: start; }
label { display: block; font-weight: 600; margin: 0 0 1rem; }
input { display: block; width: 100%; box-sizing: border-box; font: inherit; font-weight: 400; padding: .6rem; margin-top: .25rem; border: 1px solid; border-radius: .4rem; }
.row { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
input[type=radio] { display: inline-block; width: auto; margin: 0 .35rem 0 0; }
fieldset { border: 1px solid; border-radius: .4rem; margin: 0 0 1rem; }
section { margin: 0 0 2rem; }
button { font: inherit; font-weight: 700; padding: .75rem 1rem; border: 0; border-radius: .4rem; background: #4a3fd6; color: #fff; cursor: pointer; }
button.wide { width: 100%; }
.apply { align-self: end; margin-bottom: 1rem; }
button.plain { background: transparent; color: inherit; border: 1px solid; }
:focus-visible { outline: 3px solid #e08a00; outline-offset: 2px; }
.error { padding: .6rem .75rem; border-inline-start: 4px solid #c4252b; background: color-mix(in srgb, #c4252b 12%, transparent); }
.back { display: inline-block; margin: 1rem 0; }
`;

/** Returns a whole page. */
export function toPage(title: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · Stripe sandbox</title>
<style>${{ markup: STYLE }}</style>
</head>
<body>
<main>
<p class="sandbox">Local Stripe sandbox: no real card works here, and no money moves.</p>
${body}
</main>
</body>
</html>
`.markup;
}

/** Returns a page that only says something. */
export function toMessagePage(title: string, text: string): string {
  return toPage(title, html`<h1>${title}</h1><p>${text}</p>`);
}
