type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out the properties that are undefined, so that "absent" has one form only (`exactOptionalPropertyTypes`). */
export function present<T extends object>(properties: T): Present<T> {
  const kept: Partial<Record<keyof T, unknown>> = {};
  for (const name of Object.keys(properties) as (keyof T)[]) {
    if (properties[name] !== undefined) kept[name] = properties[name];
  }
  // Every property that was kept is one of T's, with its type less undefined.
  return kept as Present<T>;
}
