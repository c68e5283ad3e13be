/**
 * Owns: lists as Stripe pages them: newest first, by the object before or after.
 * Does not own: which objects are in a list.
 */
import { readInteger, readText } from './field.ts';
import { type ApiObject, isFields, type JsonFields } from './json.ts';
import { invalidRequest, resourceMissing } from './stripe-error.ts';

const LIMIT_DEFAULT = 10;
const LIMIT_MAX = 100;

/** Are the parameters of every list. */
export const PAGE_PARAMETERS = ['limit', 'starting_after', 'ending_before', 'expand'] as const;

/** Is a page of a list. */
export type Page = {
  readonly object: 'list';
  readonly data: readonly ApiObject[];
  readonly has_more: boolean;
  readonly url: string;
};

/** Says what is in a list. */
export interface ListContent<Row extends ApiObject> {
  /** Are all objects of the kind, oldest first: a cursor may be one that the filter has left out since. */
  readonly objects: readonly Row[];
  readonly filter?: (object: Row) => boolean;
  readonly url: string;
}

/** Returns the page that the parameters ask for. Throws StripeError for a limit or a cursor that is none. */
export function toPage<Row extends ApiObject>(content: ListContent<Row>, parameters: JsonFields): Page {
  const { objects, filter = () => true, url } = content;
  const limit = readLimit(parameters);
  const isCreatedThen = toCreatedFilter(parameters);
  const isListed = (object: Row): boolean => filter(object) && isCreatedThen(object);
  const newestFirst = objects.toReversed();
  const [after, before] = [readText(parameters, 'starting_after'), readText(parameters, 'ending_before')];
  if (before !== undefined) {
    if (after !== undefined) {
      throw invalidRequest('You cannot specify both starting_after and ending_before.', { param: 'ending_before' });
    }
    const newer = newestFirst.slice(0, findCursor(newestFirst, before, 'ending_before')).filter(isListed);
    return { object: 'list', data: newer.slice(-limit), has_more: newer.length > limit, url };
  }
  const start = after === undefined ? 0 : findCursor(newestFirst, after, 'starting_after') + 1;
  const older = newestFirst.slice(start).filter(isListed);
  return { object: 'list', data: older.slice(0, limit), has_more: older.length > limit, url };
}

function readLimit(parameters: JsonFields): number {
  const limit = readInteger(parameters, 'limit') ?? LIMIT_DEFAULT;
  const detail = { code: 'parameter_invalid_integer', param: 'limit' };
  if (limit < 1)
    throw invalidRequest(`This value must be greater than or equal to 1 (it currently is '${limit}').`, detail);
  if (limit > LIMIT_MAX) {
    throw invalidRequest(`This value must be less than or equal to ${LIMIT_MAX} (it currently is '${limit}').`, detail);
  }
  return limit;
}

function findCursor(objects: readonly ApiObject[], id: string, param: string): number {
  const index = objects.findIndex((object) => object.id === id);
  if (index < 0) throw resourceMissing(objects[0]?.object ?? 'object', id, param);
  return index;
}

function toCreatedFilter(parameters: JsonFields): (object: ApiObject) => boolean {
  const created = parameters['created'];
  if (typeof created === 'number') return (object) => object['created'] === created;
  if (!isFields(created)) return () => true;
  const [gt, gte] = [readInteger(created, 'gt') ?? -1, readInteger(created, 'gte') ?? 0];
  const [lt, lte] = ['lt', 'lte'].map((name) => readInteger(created, name) ?? Number.POSITIVE_INFINITY);
  return (object) => {
    const at = Number(object['created']);
    return at > gt && at >= gte && at < Number(lt) && at <= Number(lte);
  };
}
