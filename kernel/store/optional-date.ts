/** Translates a time, in milliseconds since 1970, into a date; undefined stays undefined. */
export function toOptionalDate(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}
