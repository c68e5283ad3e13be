// Owns: how the types of the REST client are made from the document of the API, and whether what is committed is what would be
// made now.
// Does not own: the document (bff/openapi), and the client itself (clients/rest/client.ts).

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDocument } from '../../bff/openapi/document.ts';
import { ROUTES } from '../../bff/routes/all.ts';
import { runCommand } from './command.ts';
import { failed, passed, type StepOutcome } from './step.ts';

const GENERATED = 'clients/rest/billing-api.ts';
/** The package has a compiler of its own, whose programming interface the generator needs. */
const GENERATOR = 'clients/rest/node_modules/.bin/openapi-typescript';

/** Makes the types of the REST client. Throws when the generator refuses the document; the message is the generator's. */
export async function generateClient(root: string): Promise<void> {
  await writeFile(join(root, GENERATED), await makeTypes(root));
}

/** Makes the types anew and compares them with those that are committed. */
export async function checkGeneratedClient(root: string): Promise<StepOutcome> {
  const [made, committed] = [await makeTypes(root), await readFile(join(root, GENERATED), 'utf8')];
  if (made === committed) return passed(`${GENERATED} is up to date`);
  return failed(
    `${GENERATED} differs from what the document of the API gives.\n\nRun \`npm run gen\` and commit it with the change of the routes.`,
  );
}

async function makeTypes(root: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-client-'));
  try {
    const [source, target] = [join(folder, 'openapi.json'), join(folder, 'billing-api.ts')];
    await writeFile(source, JSON.stringify(buildDocument(ROUTES, { sessionCookie: 'wheelhouse', introduction: '' })));
    const args = [source, '--output', target, '--root-types', '--root-types-no-schema-prefix'];
    const { exitCode, output } = await runCommand(root, join(root, GENERATOR), args);
    if (exitCode !== 0) throw new Error(`openapi-typescript exited with ${exitCode}:\n${output}`);
    return await readFile(target, 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
