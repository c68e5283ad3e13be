// Owns the text of access tokens: `whp_`, 43 characters of 256 random bits, 6 of a checksum, all of 0-9 A-Z a-z. So a scanner
// of secrets finds one by `\bwhp_[0-9A-Za-z]{49}\b` and tells a real one from a look-alike without asking anybody, and what
// was never a token is refused without a look at the database (docs/adr/0011).
// Does not own randomness, or which tokens count.

const PREFIX = 'whp_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 is just above 2^256. */
const SECRET_LENGTH = 43;
/** 62^6 is above 2^32. */
const CHECKSUM_LENGTH = 6;
/** What people tell tokens by: 6 of 43 characters, which leaves more than 220 bits to guess. */
const SHOWN_LENGTH = PREFIX.length + 6;
const FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${SECRET_LENGTH + CHECKSUM_LENGTH}}$`);

/** How many random bytes a token is made of. */
export const ACCESS_TOKEN_BYTES = 32;

/** Writes a token of {@link ACCESS_TOKEN_BYTES} random bytes. */
export function formatAccessToken(random: Uint8Array): string {
  const secret = toBase62(toInteger(random), SECRET_LENGTH);
  return `${PREFIX}${secret}${checksumOf(secret)}`;
}

/** Says whether a text can be an access token: its form and its checksum are right. */
export function isAccessTokenText(text: string): boolean {
  if (!FORM.test(text)) return false;
  const secret = text.slice(PREFIX.length, PREFIX.length + SECRET_LENGTH);
  return text.endsWith(checksumOf(secret));
}

/** Answers the beginning of a token, by which people tell it from others. */
export function accessTokenPrefix(token: string): string {
  return token.slice(0, SHOWN_LENGTH);
}

function checksumOf(secret: string): string {
  return toBase62(BigInt(computeCrc32(secret)), CHECKSUM_LENGTH);
}

function toInteger(bytes: Uint8Array): bigint {
  return bytes.reduce((integer, byte) => integer * 256n + BigInt(byte), 0n);
}

function toBase62(integer: bigint, length: number): string {
  let text = '';
  for (let rest = integer; text.length < length; rest /= 62n) {
    text = ALPHABET.charAt(Number.parseInt(String(rest % 62n), 10)) + text;
  }
  return text;
}

/** CRC-32 as in ISO 3309 (zip, PNG, GitHub's tokens), of a text of ASCII. */
function computeCrc32(text: string): number {
  let register = 0xffffffff;
  for (let index = 0; index < text.length; index += 1) {
    register ^= text.charCodeAt(index);
    for (let bit = 0; bit < 8; bit += 1) register = (register >>> 1) ^ ((register & 1) === 1 ? 0xedb88320 : 0);
  }
  return (register ^ 0xffffffff) >>> 0;
}
