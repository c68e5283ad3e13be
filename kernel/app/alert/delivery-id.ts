// Owns what makes an event and an endpoint one delivery.

import { hash } from 'node:crypto';

/** So many base64url characters are 132 bits. */
const ID_LENGTH = 22;

/** Computes the id of the delivery of an event to an endpoint: always the same. */
export function computeDeliveryId(eventId: string, endpointId: string): string {
  return `whd_${hash('sha256', `${endpointId} ${eventId}`, 'base64url').slice(0, ID_LENGTH)}`;
}
