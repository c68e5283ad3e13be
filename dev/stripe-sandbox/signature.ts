/** Owns: signing webhook bodies as Stripe does. Does not own: checking signatures; who receives them does. */
import { createHmac } from 'node:crypto';

/** Returns the header `Stripe-Signature` for a body, with one signature for each secret. */
export function toSignatureHeader(body: string, secrets: readonly string[], timestampSeconds: number): string {
  const sign = (secret: string): string =>
    createHmac('sha256', secret).update(`${timestampSeconds}.${body}`, 'utf8').digest('hex');
  return [`t=${timestampSeconds}`, ...secrets.map((secret) => `v1=${sign(secret)}`)].join(',');
}
