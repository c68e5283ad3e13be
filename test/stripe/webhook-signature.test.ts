// A signature counts for the very bytes that were signed, and for no others that read the same.

import { describe, expect, test } from 'vitest';
import { createWebhookVerifier } from '../../kernel/stripe/webhook-signature.ts';
import { eventBody, sign } from '../contract/support/delivery.ts';
import { WEBHOOK_SECRET } from '../contract/support/stripe.ts';

const verifier = createWebhookVerifier(['whsec_another', WEBHOOK_SECRET], Date.now);
const body = eventBody('price.updated', { note: 'a character that stands for none: \ufffd, and others: é😀' });
const bytes = Buffer.from(body);
const signature = sign(body);

/** What a decoder shows in the place of bytes that are no UTF-8. */
const REPLACEMENT = Buffer.from('\ufffd');

function replace(part: Buffer, by: Buffer): Buffer {
  const at = bytes.indexOf(part);
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + part.length)]);
}

describe('a signature', () => {
  test('counts for the bytes that were signed, as the SDK of Stripe signs them', () => {
    expect(verifier.verify(bytes, signature)).toMatchObject({ kind: 'verified', event: { payload: body } });
    const [time = '', signed = ''] = signature.split(',');
    const several = `${time},v0=00,v1=${'0'.repeat(64)},${signed}`;
    expect(verifier.verify(bytes, several)).toMatchObject({ kind: 'verified' });
  });

  test.each<[string, Buffer]>([
    ['a byte that is no UTF-8 in the place of what decoders show for one', replace(REPLACEMENT, Buffer.from([0xff]))],
    ['a byte order mark before them', Buffer.concat([Buffer.from('\ufeff'), bytes])],
    ['one bit that is another', replace(Buffer.from('price'), Buffer.from('qrice'))],
    ['a line end more', Buffer.concat([bytes, Buffer.from('\n')])],
    ['nothing', Buffer.alloc(0)],
  ])('does not count for %s', (_, sent) => {
    expect(verifier.verify(sent, signature)).toMatchObject({ kind: 'refused', refusal: 'signature_invalid' });
  });

  test.each(['v0', 'v1'])('of another scheme or length counts for nothing: %s', (scheme) => {
    const [time = '', signed = ''] = signature.split(',');
    const wrong = scheme === 'v0' ? signed.replace('v1=', 'v0=') : signed.slice(0, -2);
    expect(verifier.verify(bytes, `${time},${wrong}`)).toMatchObject({ refusal: 'signature_invalid' });
  });
});
