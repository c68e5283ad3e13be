// Owns how the Console is bundled. Does not own when (dev/console-build.ts), or how it is served (bff/console-host.ts).
// Invariant: the bundle loads nothing from elsewhere, and no inline script or style: the policy of the page forbids them.

import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react()],
  // Put by the BFF into each answer: a policy that names a nonce needs a new one each time.
  html: { cspNonce: '%nonce%' },
  build: {
    target: 'baseline-widely-available',
    // A file of its own can be kept by browsers for ever, and data: URLs would need a wider policy.
    assetsInlineLimit: 0,
    // Legacy polyfill; every browser of the target knows modulepreload.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Says which files belong to which page (test/console/bundle.test.ts).
    manifest: true,
  },
});
