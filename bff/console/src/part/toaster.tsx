// Owns how short messages look, and that they are heard, too. Does not own which are shown (data/toast.ts).

import { Notification } from '@mantine/core';
import { dismissToast, useToasts } from '../data/toast.ts';
import { STRINGS } from '../strings.ts';
import classes from './toaster.module.css';

/** Shows the messages in a corner of the page. */
export function Toaster() {
  const toasts = useToasts();
  return (
    <div className={classes['corner']} role="status" aria-live="polite">
      {toasts.map(({ id, kind, text }) => (
        <Notification
          key={id}
          color={kind === 'done' ? 'teal' : 'red'}
          {...(kind === 'problem' && { title: STRINGS.problem.title })}
          onClose={() => dismissToast(id)}
          closeButtonProps={{ 'aria-label': STRINGS.common.close }}
          withBorder
        >
          {text}
        </Notification>
      ))}
    </div>
  );
}
