// `npm run gen`: makes gen/ from proto/, and the types of the REST client from the document of the API.

import { fileURLToPath } from 'node:url';
import { generateClient } from './client-generation.ts';
import { generateCode } from './code-generation.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
await generateCode(root, root);
await generateClient(root);
console.log('gen/ is up to date with proto/, and clients/rest with the routes.');
