// Owns the start of the Console in a browser.

import './look/style.ts';
import './look/style-nonce.ts';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';

const root = document.getElementById('root');
if (root === null) throw new Error('the document has no element `root`');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
