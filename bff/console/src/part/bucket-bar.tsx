// Owns the picture of the credits: one bar, its parts in the order in which usage takes from them.

import { Text } from '@mantine/core';
import type { Balance } from '../api/type.ts';
import { formatCreditsShort } from '../format/credit.ts';
import { STRINGS } from '../strings.ts';
import { BUCKETS, type Bucket, remainingIn } from './bucket.ts';
import classes from './bucket-bar.module.css';

/** A part that is there is never too thin to be seen. */
const SHARE_MIN = 0.02;

/** Shows the bar. */
export function BucketBar({ balance }: { readonly balance: Balance }) {
  const parts = BUCKETS.map((bucket) => ({ bucket, remaining: remainingIn(balance, bucket) })).filter(
    ({ remaining }) => remaining > 0,
  );
  const total = parts.reduce((sum, { remaining }) => sum + remaining, 0);
  const words = parts.map(({ bucket, remaining }) => `${STRINGS.bucket[bucket]} ${formatCreditsShort(remaining)}`);
  return (
    <div
      role="img"
      className={classes['bar']}
      aria-label={
        parts.length === 0 ? STRINGS.billing.credits.empty : STRINGS.billing.credits.barLabel(words.join(', '))
      }
    >
      {parts.map(({ bucket, remaining }) => (
        <div
          key={bucket}
          className={classes['part']}
          data-bucket={bucket}
          style={{ flexGrow: Math.max(remaining / total, SHARE_MIN) }}
        />
      ))}
    </div>
  );
}

interface BucketFiguresProps {
  readonly balance: Balance;
  /** Says when what is in a bucket ends, or that it does not. */
  readonly notes: Readonly<Record<Bucket, string | undefined>>;
}

/** Shows what is in each bucket, in the same order. */
export function BucketFigures({ balance, notes }: BucketFiguresProps) {
  return (
    <ol className={classes['figures']}>
      {BUCKETS.map((bucket) => (
        <li key={bucket} className={classes['figure']} data-empty={remainingIn(balance, bucket) === 0 || undefined}>
          <span className={classes['name']}>
            <span className={classes['dot']} data-bucket={bucket} aria-hidden />
            <Text component="span" size="sm" fw={500}>
              {STRINGS.bucket[bucket]}
            </Text>
          </span>
          <Text component="span" className="figure" fz={20} fw={600} lh={1.3}>
            {formatCreditsShort(remainingIn(balance, bucket))}
          </Text>
          <Text component="span" size="xs" c="dimmed">
            {[STRINGS.billing.credits.order[bucket], notes[bucket]].filter((words) => words !== undefined).join(' · ')}
          </Text>
        </li>
      ))}
    </ol>
  );
}
