// Owns that every write has an idempotency key. Does not own what the kernel takes for one.

import { v7 as newUuid } from 'uuid';

/** A write that names no key gets one, by which its repeats are known; what is no write stays as it is. */
export function withRequestId<Request extends object>(request: Request): Request {
  return Reflect.get(request, 'requestId') === '' ? { ...request, requestId: newUuid() } : request;
}
