// Owns the limits of an account, each with its own error. Everything that can grow is bounded here.

/** The largest amount or balance, in microcredits: the range in which REST's JSON numbers are exact (2^53 − 1). */
export const MICROCREDITS_MAX = 9_007_199_254_740_991n;

/** How many grants an account may have that are active or still to begin; beyond: GRANT_LIMIT_REACHED. */
export const ACTIVE_GRANTS_MAX = 1_000;

/** How many holds an account may have open; beyond: HOLD_LIMIT_REACHED. */
export const OPEN_HOLDS_MAX = 10_000;

/** How large the open holds of an account may be together in its state, in bytes; beyond: HOLD_LIMIT_REACHED. */
export const HOLD_BYTES_MAX = 10 * 1_048_576;

/** How far ahead a hold may expire, in milliseconds. */
export const HOLD_DURATION_MAX_MS = 24 * 3_600_000;

/** How many entries one commit may have. */
export const ENTRIES_PER_COMMIT_MAX = 256;

/** How large the entries of one commit may be, in bytes; one request that exceeds it alone: COMMIT_TOO_LARGE. */
export const COMMIT_BYTES_MAX = 1_048_576;

/** How large a commit may be as a document, its state included, in bytes; MongoDB takes 16 MiB. */
export const COMMIT_DOCUMENT_BYTES_MAX = 12 * 1_048_576;

/** Up to this size, in bytes, every commit carries the whole state; see {@link SNAPSHOT_INTERVAL_COMMITS}. */
export const STATE_INLINE_BYTES_MAX = 4_096;

/** A state larger than {@link STATE_INLINE_BYTES_MAX} is stored only every so many commits. */
export const SNAPSHOT_INTERVAL_COMMITS = 64;
