// Owns what is shown while it is not known yet who is there.

import { Center, Loader } from '@mantine/core';
import { STRINGS } from '../strings.ts';

/** Shows that the Console is coming. */
export function FullPageLoader() {
  return (
    <Center component="main" h="100dvh">
      <Loader role="status" aria-label={STRINGS.common.loading} color="gray" size="sm" />
    </Center>
  );
}
