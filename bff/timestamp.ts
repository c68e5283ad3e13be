// Owns how a time is read from a request: RFC 3339 (the profile of ISO 8601 for the internet), with its offset.

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Reads a time; undefined for anything but a date, a time of day and an offset that exist. What is finer than a
 * millisecond is rounded up: recorded times are whole milliseconds, so `≥ t` and `< t` then mean the same as before.
 */
export function parseTimestamp(text: string): Date | undefined {
  const match = RFC_3339.exec(text);
  if (!match) {
    return undefined;
  }
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  if (!isOnClock(hour, minute, second) || !isOnClock(offsetHours, offsetMinutes, 0)) {
    return undefined;
  }
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day);
  if (date.getUTCFullYear() !== year || date.getUTCMonth() + 1 !== month || date.getUTCDate() !== day) {
    return undefined;
  }
  date.setUTCHours(hour ?? 0, minute, second, Math.ceil(Number(`0.${match[7] ?? 0}`) * 1_000));
  const offsetMs = (offsetHours * 60 + offsetMinutes) * 60_000 * (match[8] === '-' ? -1 : 1);
  return new Date(date.getTime() - offsetMs);
}

function isOnClock(hour = 0, minute = 0, second = 0): boolean {
  return hour <= 23 && minute <= 59 && second <= 59;
}
