// Owns where two BSON documents differ byte by byte: types, names, order and repeated names included, which a decoder folds.

import { mongo } from 'mongoose';

const { onDemand } = mongo.BSON;
const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(mongo.BSONType).map(([name, type]) => [type & 0xff, name]),
);
/** How much of a name is shown. */
const SHOWN_LENGTH_MAX = 80;

/** One field of a document, or one element of a list. */
interface Part {
  readonly name: string;
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** Says in a sentence's part where documents differ first; undefined where their bytes are the same. Throws Error where one is no BSON. */
export function findBsonDifference(actual: Uint8Array, expected: Uint8Array): string | undefined {
  if (Buffer.compare(actual, expected) === 0) return undefined;
  return (
    findInParts({ bytes: actual, start: 0 }, { bytes: expected, start: 0 }, '') ?? 'they differ outside every field'
  );
}

interface Place {
  readonly bytes: Uint8Array;
  readonly start: number;
}

function findInParts(actual: Place, expected: Place, path: string): string | undefined {
  const [found, wanted] = [partsOf(actual), partsOf(expected)];
  for (let index = 0; index < Math.max(found.length, wanted.length); index += 1) {
    const [one, other] = [found[index], wanted[index]];
    if (one === undefined) return `${join(path, other)} should follow, and is absent`;
    if (other === undefined) return `${join(path, one)} stands there and should be absent`;
    if (one.name !== other.name) return `${join(path, one)} stands where ${join(path, other)} should be`;
    const where = join(path, one);
    if (one.type !== other.type)
      return `${where} is of the type ${nameOf(one)} and should be of the type ${nameOf(other)}`;
    const [bytes, wantedBytes] = [slice(actual, one), slice(expected, other)];
    if (Buffer.compare(bytes, wantedBytes) === 0) continue;
    const isNested = one.type === mongo.BSONType.object || one.type === mongo.BSONType.array;
    const inner = isNested
      ? findInParts({ ...actual, start: one.start }, { ...expected, start: other.start }, where)
      : undefined;
    return inner ?? `${where} has other bytes of the type ${nameOf(one)}`;
  }
  return undefined;
}

function partsOf({ bytes, start }: Place): Part[] {
  return [...onDemand.parseToElements(bytes, start)].map(([type, nameStart, nameLength, from, length]) => ({
    name: Buffer.from(bytes.subarray(nameStart, nameStart + nameLength)).toString(),
    type,
    start: from,
    end: from + length,
  }));
}

function slice({ bytes }: Place, { start, end }: Part): Uint8Array {
  return bytes.subarray(start, end);
}

function join(path: string, part: Part | undefined): string {
  const name = (part?.name ?? '').slice(0, SHOWN_LENGTH_MAX).toWellFormed();
  return path === '' ? name : `${path}.${name}`;
}

function nameOf({ type }: Part): string {
  return TYPE_NAMES.get(type) ?? `${type}`;
}
