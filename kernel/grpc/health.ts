// Owns the standard health service (grpc.health.v1) and what it says of this kernel. Does not own readiness over HTTP.

import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

type ServingStatus = 'SERVING' | 'NOT_SERVING';

/** Says over gRPC whether this kernel takes calls. */
export class Health {
  readonly #names: readonly string[];
  readonly #implementation: HealthImplementation;

  /** @param serviceNames Are the full names of the services that are served; the empty name stands for all. */
  constructor(serviceNames: readonly string[]) {
    this.#names = ['', ...serviceNames];
    this.#implementation = new HealthImplementation(
      Object.fromEntries(this.#names.map((name): [string, ServingStatus] => [name, 'NOT_SERVING'])),
    );
  }

  addTo(server: Server): void {
    this.#implementation.addToServer(server);
  }

  set(status: ServingStatus): void {
    for (const name of this.#names) this.#implementation.setStatus(name, status);
  }
}
