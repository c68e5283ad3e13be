// Owns asking before something is done that can't be undone, or costs something. How it looks is loaded when it is first asked.

import { lazy, Suspense } from 'react';
import type { Confirmation } from './confirmation.ts';

const ConfirmModal = lazy(async () => ({ default: (await import('./confirm-modal.tsx')).ConfirmModal }));

interface ConfirmDialogProps extends Confirmation {
  readonly isOpen: boolean;
}

/** Asks, while it is open. */
export function ConfirmDialog({ isOpen, ...confirmation }: ConfirmDialogProps) {
  if (!isOpen) return null;
  return (
    <Suspense fallback={null}>
      <ConfirmModal {...confirmation} />
    </Suspense>
  );
}
