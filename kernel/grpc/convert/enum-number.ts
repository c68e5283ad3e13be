// Owns reading enums by their numbers on the wire.

/** Turns a table from names of ours to numbers into one from numbers to names; other numbers have none. */
export function byNumber<Name extends string>(numbers: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map(Object.entries<number>(numbers).map(([name, number]) => [number, name as Name]));
}
