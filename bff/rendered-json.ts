// Owns an answer whose JSON is made once and sent to many, with the tag by which a client that has it already is spared it.
// Does not own what stands in it, or how long one is used.

import { hash } from 'node:crypto';

/** An answer as it is sent. */
export class RenderedJson {
  readonly bytes: Buffer;
  /** Is a strong entity tag: other bytes have another one. */
  readonly entityTag: string;

  constructor(value: object) {
    this.bytes = Buffer.from(JSON.stringify(value));
    this.entityTag = `"${hash('sha256', this.bytes, 'base64url')}"`;
  }

  /** Says whether a client has it already, by its If-None-Match header. */
  isHeldBy(ifNoneMatch: string | undefined): boolean {
    // Tags with commas are others' than ours, so that cutting them apart makes none of ours of them.
    const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim());
    return [this.entityTag, `W/${this.entityTag}`].some((own) => tags.includes(own)) || ifNoneMatch?.trim() === '*';
  }
}
