// Owns how much of a list at Stripe is read. Does not own any list.

/** As many as Stripe gives at once. */
export const PAGE_SIZE = 100;

/** How many objects of a list are read at most; what lies beyond is older. */
export const LIST_MAX = 1_000;
