// Owns the sign by which a workspace is found again.

import { Avatar } from '@mantine/core';

/** Shows the sign of a workspace. */
export function WorkspaceMark({ name }: { readonly name: string }) {
  return (
    <Avatar size={24} radius="sm" color="brand" variant="filled" aria-hidden>
      {name.trim().charAt(0).toUpperCase()}
    </Avatar>
  );
}
