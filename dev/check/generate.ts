// `npm run gen`: makes gen/ from proto/.

import { fileURLToPath } from 'node:url';
import { generateCode } from './code-generation.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
await generateCode(root, root);
console.log('gen/ is up to date with proto/.');
