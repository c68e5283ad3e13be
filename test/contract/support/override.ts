/** Replaces some methods of a part; the others go to the real one. */
export function override<Part extends object>(real: Part, changes: Partial<Part>): Part {
  return new Proxy(real, {
    get: (target, name) => {
      const changed: unknown = Reflect.get(changes, name);
      if (changed !== undefined) return changed;
      const value: unknown = Reflect.get(target, name);
      // Private fields are looked up on `this`, which must be the real part.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
