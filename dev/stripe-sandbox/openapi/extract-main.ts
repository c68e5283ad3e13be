/**
 * Owns: the command that makes `stripe-openapi.json` again: `node dev/stripe-sandbox/openapi/extract-main.ts <spec3.json>`,
 * where spec3.json is the one inside the Go module github.com/stripe/stripe-mock (embedded/openapi).
 * Does not own: what is cut out; `extract.ts` does.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { extractSpecification } from './extract.ts';
import { OPENAPI_FILE } from './openapi.ts';
import { SERVED_PATHS } from './served-path.ts';

const [specificationFile] = process.argv.slice(2);
if (specificationFile === undefined) {
  console.error('Usage: node dev/stripe-sandbox/openapi/extract-main.ts <path of spec3.json>');
  process.exit(2);
}
const extract = extractSpecification(JSON.parse(await readFile(specificationFile, 'utf8')), SERVED_PATHS);
await writeFile(OPENAPI_FILE, extract);
console.log(`${OPENAPI_FILE} written: ${SERVED_PATHS.length} paths, ${Math.ceil(extract.length / 1024)} KiB.`);
