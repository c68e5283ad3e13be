// Owns the figures of a range, side by side.

import { Paper, Text } from '@mantine/core';
import { formatCount } from '../../format/count.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { STRINGS } from '../../strings.ts';
import type { Totals } from './series.ts';
import classes from './total-figures.module.css';

const WORDS = STRINGS.analytics;

/** Shows the figures. */
export function TotalFigures({ totals }: { readonly totals: Totals }) {
  const { microcredits, runs, succeeded, ended, events } = totals;
  return (
    <Paper component="dl" withBorder className={classes['figures']}>
      <Figure term={WORDS.stats.credits} text={formatCreditsShort(microcredits)} />
      <Figure term={WORDS.stats.runs} text={formatCount(runs)} />
      <Figure
        term={WORDS.stats.perRun}
        text={runs === 0 ? WORDS.notKnown : formatCreditsShort(microcredits / BigInt(runs))}
      />
      <Figure
        term={WORDS.stats.success}
        text={ended === 0 ? WORDS.notKnown : `${Math.floor((succeeded * 100) / ended)}%`}
      />
      <Figure term={WORDS.stats.events} text={formatCount(events)} />
    </Paper>
  );
}

function Figure({ term, text }: { readonly term: string; readonly text: string }) {
  return (
    <div className={classes['figure']}>
      <Text component="dt" size="sm" c="dimmed">
        {term}
      </Text>
      <Text component="dd" m={0} fz={24} fw={600} lh={1.3} className="figure">
        {text}
      </Text>
    </div>
  );
}
