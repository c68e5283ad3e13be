/**
 * Owns: reading and changing connection strings, of one server or of many.
 * Does not own: connecting.
 */
import { StackError } from '../stack-error.ts';

const SHAPE = /^(?<scheme>mongodb(?:\+srv)?:\/\/)(?<hosts>[^/?]+)(?:\/(?<database>[^?]*))?(?:\?(?<options>.*))?$/;

/**
 * Returns the connection string with another database. Who signs in stays the same: without `authSource` the old
 * database said where the user is defined.
 * Throws StackError when the text is no connection string.
 */
export function withDatabase(uri: string, database: string): string {
  const { scheme, hosts, database: former, options } = parseMongodbUri(uri);
  const parameters = options === '' ? [] : options.split('&');
  const signsIn = hosts.includes('@');
  if (signsIn && !parameters.some((parameter) => parameter.toLowerCase().startsWith('authsource='))) {
    parameters.push(`authSource=${former || 'admin'}`);
  }
  return `${scheme}${hosts}/${database}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`;
}

/** Returns the connection string with this database where it names none. Throws StackError as `withDatabase`. */
export function withDefaultDatabase(uri: string, database: string): string {
  return parseMongodbUri(uri).database === '' ? withDatabase(uri, database) : uri;
}

/** Returns the hosts of a connection string, without user and password. Throws StackError as `withDatabase`. */
export function describeHosts(uri: string): string {
  const { hosts } = parseMongodbUri(uri);
  return hosts.slice(hosts.lastIndexOf('@') + 1);
}

interface MongodbUri {
  readonly scheme: string;
  readonly hosts: string;
  readonly database: string;
  readonly options: string;
}

function parseMongodbUri(uri: string): MongodbUri {
  const groups = SHAPE.exec(uri)?.groups;
  const [scheme, hosts] = [groups?.['scheme'], groups?.['hosts']];
  if (scheme === undefined || hosts === undefined) {
    // The text may hold a password, so it is not repeated here.
    throw new StackError('MONGODB_URI is no connection string: it must look like mongodb://host:27017/database.');
  }
  return { scheme, hosts, database: groups?.['database'] ?? '', options: groups?.['options'] ?? '' };
}
