// Owns that whoever works by the keyboard is, after a dialog, where they were before it.

import { useEffect, useState } from 'react';

/** Gives the focus back when the dialog that calls this is gone. */
export function useFocusBack(): void {
  const [before] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (before instanceof HTMLElement) before.focus();
    },
    [before],
  );
}
