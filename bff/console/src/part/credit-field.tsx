// Owns the unit at the end of a field in which somebody types credits.

import { Text } from '@mantine/core';
import { STRINGS } from '../strings.ts';

/** Are the properties of a field that has the unit at its end. */
export const CREDIT_FIELD = {
  rightSection: (
    <Text size="xs" c="dimmed">
      {STRINGS.common.creditsUnit}
    </Text>
  ),
  rightSectionWidth: 64,
  inputMode: 'decimal',
} as const;
