// Owns the frame of pages that stand alone: one card under the mark of the product.

import { Paper } from '@mantine/core';
import type { PropsWithChildren } from 'react';
import { Brand } from './brand.tsx';
import classes from './centered-card.module.css';

/** Shows one card in the middle of the page. */
export function CenteredCard({ children }: PropsWithChildren) {
  return (
    <main className={classes['page']}>
      <div className={classes['column']}>
        <Brand />
        <Paper className={classes['card']} radius="lg" withBorder>
          {children}
        </Paper>
      </div>
    </main>
  );
}
