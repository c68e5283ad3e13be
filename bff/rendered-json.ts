// Owns an answer that is made once and sent to many, with the tag by which a client that has it already is spared it.
// Does not own what stands in it, or how long one is used.

import { hash } from 'node:crypto';

/** Is the media type of JSON. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** An answer as it is sent. */
export class Rendered {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** Is a strong entity tag: other bytes have another one. */
  readonly entityTag: string;

  constructor(bytes: Buffer, contentType: string) {
    this.bytes = bytes;
    this.contentType = contentType;
    this.entityTag = `"${hash('sha256', this.bytes, 'base64url')}"`;
  }

  /** Says whether a client has it already, by its If-None-Match header. */
  isHeldBy(ifNoneMatch: string | undefined): boolean {
    // Tags with commas are others' than ours, so that cutting them apart makes none of ours of them.
    const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim());
    return [this.entityTag, `W/${this.entityTag}`].some((own) => tags.includes(own)) || ifNoneMatch?.trim() === '*';
  }
}

/** JSON as it is sent. */
export class RenderedJson extends Rendered {
  constructor(value: object) {
    super(Buffer.from(JSON.stringify(value)), JSON_TYPE);
  }
}
