// Owns buying credits: first how many and how they are paid, then how the purchase stands, until its end.

import { Modal } from '@mantine/core';
import { useState } from 'react';
import type { TopUp } from '../../api/type.ts';
import { usePaymentMethods, useTopUpOffer } from '../../data/billing-query.ts';
import { STRINGS } from '../../strings.ts';
import { useFocusBack } from '../focus-back.ts';
import { Loaded } from '../loaded.tsx';
import type { TopUpDraft } from './top-up-choice.ts';
import { TopUpForm } from './top-up-form.tsx';
import { TopUpProgress } from './top-up-progress.tsx';

interface TopUpDialogProps {
  readonly draft: TopUpDraft;
  readonly onDraft: (draft: TopUpDraft) => void;
  readonly onClose: () => void;
}

/** Shows the dialog. What was chosen outlives a purchase that came to nothing, and the dialog. */
export function TopUpDialog({ draft, onDraft, onClose }: TopUpDialogProps) {
  useFocusBack();
  const [topUp, setTopUp] = useState<TopUp>();
  const offer = useTopUpOffer();
  const methods = usePaymentMethods();
  return (
    <Modal opened onClose={onClose} title={STRINGS.topUp.title} size="md">
      {topUp === undefined ? (
        <Loaded query={offer} what={STRINGS.topUp.what} height={260}>
          {(known) => (
            <TopUpForm offer={known} methods={methods.data ?? []} {...{ draft, onDraft, onClose }} onBegun={setTopUp} />
          )}
        </Loaded>
      ) : (
        <TopUpProgress
          begun={topUp}
          onClose={onClose}
          onAgain={() => setTopUp(undefined)}
          onSucceeded={() => onDraft({})}
        />
      )}
    </Modal>
  );
}
