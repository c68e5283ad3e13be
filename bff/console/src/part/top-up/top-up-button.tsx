// Owns the button to buy credits by, wherever it stands. What it opens is loaded when it is first wanted.

import { Button, type ButtonProps } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense, useState } from 'react';
import { STRINGS } from '../../strings.ts';
import type { TopUpDraft } from './top-up-choice.ts';

const TopUpDialog = lazy(async () => ({ default: (await import('./top-up-dialog.tsx')).TopUpDialog }));

/** Opens the dialog to buy credits in. */
export function TopUpButton(props: Pick<ButtonProps, 'size' | 'variant'>) {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [draft, setDraft] = useState<TopUpDraft>({});
  return (
    <>
      <Button {...props} onClick={open}>
        {STRINGS.billing.credits.topUp}
      </Button>
      {isOpen && (
        <Suspense fallback={null}>
          <TopUpDialog draft={draft} onDraft={setDraft} onClose={close} />
        </Suspense>
      )}
    </>
  );
}
