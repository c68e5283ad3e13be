// Owns `/openapi.json`, and `/docs`, where people read it: a maintained viewer whose files come from this deployment alone.
// Does not own what stands in the document (document.ts), or how the page begins (docs-script.js).
// Invariants: what is served is read once, at the start; the page runs no script and loads nothing but what is served here.

import { readFileSync } from 'node:fs';
import { sessionCookieName } from '../browser-session/browser-session.ts';
import { html } from '../html.ts';
import type { PathMethod } from '../path-table.ts';
import { Rendered, RenderedJson } from '../rendered-json.ts';
import { sendRendered } from '../route-runner.ts';
import { ROUTES } from '../routes/all.ts';
import { buildDocument } from './document.ts';

const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The viewer's own style has its icons in itself.
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Wheelhouse billing API</title>
<link rel="icon" type="image/png" href="/docs/icon.png">
<link rel="stylesheet" href="/docs/viewer.css">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<main id="reference"><noscript>This page needs scripts; the document itself is <a href="/openapi.json">openapi.json</a>.</noscript></main>
<script src="/docs/viewer.js"></script>
<script src="/docs/docs.js"></script>
</body>
</html>
`;

/** Builds the paths. Throws where a file of the viewer is not installed. */
export function createDocumentPaths(productCode: string): readonly PathMethod[] {
  const introduction = readFileSync(new URL('introduction.md', import.meta.url), 'utf8');
  const document = buildDocument(ROUTES, { sessionCookie: sessionCookieName(productCode), introduction });
  const page = new Rendered(Buffer.from(PAGE.markup), 'text/html; charset=utf-8');
  return [
    toPath('/openapi.json', new RenderedJson(document)),
    toPath('/docs', page, PAGE_POLICY),
    // As people type it; all that the page links to is named from the root.
    toPath('/docs/', page, PAGE_POLICY),
    toPath('/docs/viewer.js', readViewer('swagger-ui-bundle.js', 'text/javascript; charset=utf-8')),
    toPath('/docs/viewer.css', readViewer('swagger-ui.css', 'text/css; charset=utf-8')),
    toPath('/docs/icon.png', readViewer('favicon-32x32.png', 'image/png')),
    toPath('/docs/docs.js', readOwn('docs-script.js', 'text/javascript; charset=utf-8')),
    toPath('/docs/docs.css', readOwn('docs-style.css', 'text/css; charset=utf-8')),
  ];
}

function toPath(path: string, answer: Rendered, policy?: string): PathMethod {
  return {
    method: 'GET',
    path,
    handle: (request, response) => {
      if (policy !== undefined) response.setHeader('Content-Security-Policy', policy);
      sendRendered(request, response, answer);
      return Promise.resolve();
    },
  };
}

function readViewer(name: string, contentType: string): Rendered {
  const folder = import.meta.resolve('swagger-ui-dist/package.json');
  return new Rendered(readFileSync(new URL(name, folder)), contentType);
}

function readOwn(name: string, contentType: string): Rendered {
  return new Rendered(readFileSync(new URL(name, import.meta.url)), contentType);
}
