/** The three stores of credit, in the order in which usage draws from them (spec, "Credit buckets"). */
export const BUCKETS = ['trial', 'included', 'payg'] as const;

/** One of {@link BUCKETS}. */
export type Bucket = (typeof BUCKETS)[number];
