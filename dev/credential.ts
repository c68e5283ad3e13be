/**
 * Owns: the secrets of the local stack: one token for each service, made once and kept in a file, and the ids of its
 * people.
 * Does not own: people's tokens; the issuer signs those.
 * Invariant: the kernel gets digests only, and each file is readable by its owner alone.
 */
import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { isRecord, OWNER_ONLY, readJsonFile, writeJsonFile } from './json-file.ts';
import { ROLES, type Role } from './product.ts';

const TOKEN_BYTES = 32;
const SESSION_KEY_BYTES = 32;

/** Are the secrets of one stack. */
export interface Credentials {
  /** Is the token of an internal service that charges usage. */
  readonly internal: string;
  /** Is the token of an operator. */
  readonly sysadmin: string;
  /** Are the tokens of the BFFs by product code. */
  readonly bff: Readonly<Record<string, string>>;
  /** Are the keys of browser sessions by product code, as the BFFs' settings have them. */
  readonly session: Readonly<Record<string, string>>;
  /** Are the ids of the demo people by role. */
  readonly people: Readonly<Record<Role, string>>;
}

/** Makes new secrets. */
export function createCredentials(productCodes: readonly string[]): Credentials {
  const [tenant_admin, project_contributor, project_viewer] = [createUserId(), createUserId(), createUserId()];
  return {
    internal: createToken(),
    sysadmin: createToken(),
    bff: Object.fromEntries(productCodes.map((code) => [code, createToken()])),
    session: Object.fromEntries(productCodes.map((code) => [code, createSessionKey()])),
    people: { tenant_admin, project_contributor, project_viewer },
  };
}

/**
 * Reads the secrets from a file, or makes them and writes them there. What is new, such as a product's token, is added.
 * Throws StackError when the file holds something else.
 */
export async function loadCredentials(path: string, productCodes: readonly string[]): Promise<Credentials> {
  const stored = await readJsonFile(path, isCredentials);
  const created = createCredentials(productCodes);
  const credentials =
    stored === undefined
      ? created
      : {
          ...stored,
          bff: { ...created.bff, ...stored.bff },
          session: { ...created.session, ...stored.session },
        };
  await writeJsonFile(path, credentials, OWNER_ONLY);
  return credentials;
}

/** Writes the file that the kernel knows its callers by. Throws StackError when it can't be written. */
export async function writeKernelCredentials(path: string, credentials: Credentials): Promise<void> {
  const bffs = Object.entries(credentials.bff).map(([productCode, token]) => ({
    name: `bff-${productCode}`,
    scope: 'bff',
    product_code: productCode,
    token_sha256: digest(token),
  }));
  const internal = { name: 'workflow-engine', scope: 'internal', token_sha256: digest(credentials.internal) };
  const sysadmin = { name: 'operator', scope: 'sysadmin', token_sha256: digest(credentials.sysadmin) };
  await writeJsonFile(path, { credentials: [...bffs, internal, sysadmin] }, OWNER_ONLY);
}

function createToken(): string {
  return `whk_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
}

function createSessionKey(): string {
  return randomBytes(SESSION_KEY_BYTES).toString('base64url');
}

function createUserId(): string {
  return `usr_${uuidv7()}`;
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Are secrets as a file has them: one that an earlier release wrote has no keys of sessions. */
type StoredCredentials = Omit<Credentials, 'session'> & Partial<Pick<Credentials, 'session'>>;

function isCredentials(value: unknown): value is StoredCredentials {
  if (!isRecord(value)) return false;
  const { internal, sysadmin, bff, people } = value;
  const hasTokens = typeof internal === 'string' && typeof sysadmin === 'string' && isRecord(bff);
  return hasTokens && isRecord(people) && ROLES.every((role) => typeof people[role] === 'string');
}
