// Owns how older forms of a commit are read and newer ones refused (docs/architecture.md, "Versions"). A release reads version n + 1
// before another one writes it.

import { STATE_VERSION } from '../../domain/commit.ts';
import { DomainError } from '../../domain/error.ts';

/**
 * Checks that this release can read a commit.
 * Throws DomainError STATE_VERSION_UNSUPPORTED where a newer release wrote it.
 */
export function assertKnownVersion(version: number, place: { readonly tenant_id: string; readonly seq: bigint }): void {
  if (Number.isInteger(version) && version >= 1 && version <= STATE_VERSION) return;
  const message =
    `commit ${place.seq} of ${place.tenant_id} has state version ${version}, this kernel knows up to ${STATE_VERSION}: ` +
    'send the request to a kernel of the newer release';
  throw new DomainError('STATE_VERSION_UNSUPPORTED', message, {
    metadata: { state_version: String(version), known_version: String(STATE_VERSION) },
    retryDelayMs: 1_000,
  });
}
