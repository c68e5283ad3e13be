// Requests with texts that are none: bytes that no client library would send, in the place of a placeholder.

/** Stands where the bytes of a spoiled text are to be; 48 characters, longer than what readers take a short cut for. */
export const PLACEHOLDER = 'spoiled:'.repeat(6);

/** Bytes that are no UTF-8, by why they are none. */
export const NO_UTF8: readonly (readonly [why: string, bytes: readonly number[]])[] = [
  ['a byte that stands nowhere', [0xff]],
  ['a continuation without a beginning', [0x80]],
  ['a beginning without its continuation', [0xe2, 0x82]],
  ['more bytes than a character takes', [0xc0, 0x80]],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ['a character beyond the last', [0xf4, 0x90, 0x80, 0x80]],
];

/** Wraps a method's serializer so that every placeholder in a request begins with these bytes. */
export function spoil<Method extends { readonly requestSerialize: (message: never) => Buffer }>(
  method: Method,
  bytes: readonly number[] = [0xff],
): Method {
  const requestSerialize = (message: never): Buffer => {
    const serialized = Buffer.from(method.requestSerialize(message));
    const places = [...serialized.toString('latin1').matchAll(new RegExp(PLACEHOLDER, 'g'))];
    if (places.length === 0) throw new Error('the request has no placeholder to spoil');
    for (const { index } of places) serialized.set(bytes, index);
    return serialized;
  };
  return { ...method, requestSerialize };
}
