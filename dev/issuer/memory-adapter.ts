/**
 * Owns: what the local issuer remembers while it runs: sign-ins that have begun, codes, grants.
 * Does not own: keys and people, which outlive it.
 */
import type { Adapter, AdapterPayload } from 'oidc-provider';

/** Keeps one kind of thing of one issuer in memory, as oidc-provider asks for it. */
export class MemoryAdapter implements Adapter {
  readonly #payloads = new Map<string, AdapterPayload>();

  upsert(id: string, payload: AdapterPayload): Promise<void> {
    this.#payloads.set(id, payload);
    return Promise.resolve();
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    return Promise.resolve(this.#payloads.get(id));
  }

  findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return Promise.resolve(this.#findBy((payload) => payload.userCode === userCode));
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return Promise.resolve(this.#findBy((payload) => payload.uid === uid));
  }

  consume(id: string): Promise<void> {
    const payload = this.#payloads.get(id);
    if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
    return Promise.resolve();
  }

  destroy(id: string): Promise<void> {
    this.#payloads.delete(id);
    return Promise.resolve();
  }

  revokeByGrantId(grantId: string): Promise<void> {
    for (const [id, payload] of this.#payloads) {
      if (payload.grantId === grantId) this.#payloads.delete(id);
    }
    return Promise.resolve();
  }

  #findBy(matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    return [...this.#payloads.values()].find(matches);
  }
}
