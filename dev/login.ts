/**
 * Owns: `npm run demo:login`: signing in at the local issuer as anybody, and printing the access token.
 * Does not own: the flow (`issuer/sign-in.ts`).
 */
import { styleText } from 'node:util';
import { Command } from 'commander';
import { loadDevFile } from './dev-file.ts';
import { findPerson } from './issuer/person.ts';
import { signIn } from './issuer/sign-in.ts';
import { DEMO_PRODUCTS } from './product.ts';
import { resolveHome } from './stack-config.ts';
import { StackError, toMessage } from './stack-error.ts';

async function login(email: string, { product }: { readonly product: string }): Promise<void> {
  const dev = await loadDevFile(resolveHome(process.env));
  const { [product]: target } = dev.products;
  if (target === undefined) {
    throw new StackError(`There is no product ${product}; there is ${Object.keys(dev.products).join(' and ')}.`);
  }
  if (findPerson([], email) === undefined) throw new StackError(`${email} is no email address.`);
  console.log(await signIn({ issuerUrl: dev.issuer.url, productCode: product, email }));
}

const program = new Command()
  .name('npm run demo:login --')
  .description('Signs in at the local issuer by the authorization code flow with PKCE, and prints the access token.')
  .argument('<email>', 'who signs in: somebody of the demo such as tenant-admin@example.com, or anybody')
  .option('--product <code>', 'whose API the token is for', DEMO_PRODUCTS[0]?.code)
  .action(login);

program.parseAsync().catch((error: unknown) => {
  console.error(styleText('red', `Nobody was signed in: ${toMessage(error)}`));
  process.exitCode = 1;
});
