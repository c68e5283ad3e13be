// Owns how older forms of a commit are read and newer ones refused (docs/architecture.md, "Versions"). A release reads version n + 1
// before another one writes it.

import { STATE_VERSION, STATE_VERSION_OLDEST } from '../../domain/commit.ts';
import { DomainError } from '../../domain/error.ts';

/**
 * Checks that this release can read a commit.
 * Throws DomainError STATE_VERSION_UNSUPPORTED where a newer release wrote it, or a build before the first one.
 */
export function assertKnownVersion(version: number, place: { readonly tenant_id: string; readonly seq: bigint }): void {
  if (Number.isInteger(version) && version >= STATE_VERSION_OLDEST && version <= STATE_VERSION) return;
  const advice =
    version < STATE_VERSION_OLDEST
      ? 'it was written by a build before the first release: begin with an empty database'
      : 'send the request to a kernel of the newer release';
  const message = `commit ${place.seq} of ${place.tenant_id} has state version ${version}, this kernel knows up to ${STATE_VERSION}: ${advice}`;
  throw new DomainError('STATE_VERSION_UNSUPPORTED', message, {
    metadata: { state_version: String(version), known_version: String(STATE_VERSION) },
    retryDelayMs: 1_000,
  });
}
