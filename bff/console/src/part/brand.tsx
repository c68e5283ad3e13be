// Owns the mark and the name of the product.

import { Group, Text } from '@mantine/core';
import { PRODUCT_NAME } from '../session/product.ts';

/** Shows the mark, and the name beside it. */
export function Brand() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/icon.svg" alt="" width={26} height={26} />
      <Text fw={650} size="md">
        {PRODUCT_NAME}
      </Text>
    </Group>
  );
}
