// Owns that styles which components make while the page runs bear the nonce that its policy names. Mantine asks for it (app.tsx);
// what Mantine keeps the page behind a dialog still with (react-remove-scroll) looks for it where webpack would put it.

import { STYLE_NONCE } from '../session/product.ts';

Object.assign(globalThis, { __webpack_nonce__: STYLE_NONCE });
