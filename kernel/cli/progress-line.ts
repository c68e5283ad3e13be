// Owns how the progress of a command looks: a bar that moves in a terminal, plain lines now and then elsewhere. Does not own
// what is done, or the report at the end.

import type { Writable } from 'node:stream';

const BAR_WIDTH = 30;
const PLAIN_INTERVAL_MS = 5_000;
const CLEAR = '\r\u001b[K';

/** Shows progress on standard error. */
export class ProgressLine {
  readonly #stream: Writable & { readonly isTTY?: boolean };
  #bar = '';
  #plainAtMs = performance.now();

  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#stream = stream;
  }

  /**
   * Shows how far something is.
   * @param share From 0 to 1.
   * @param figures What stands beside the bar.
   * @param plain The line for those who see no bar.
   */
  show(share: number, figures: string, plain: string): void {
    const filled = Math.floor(share * BAR_WIDTH);
    const bar = `${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}`;
    this.#bar = `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${figures}`;
    if (this.#stream.isTTY === true) this.#stream.write(`${CLEAR}${this.#bar}`);
    else if (performance.now() - this.#plainAtMs >= PLAIN_INTERVAL_MS) {
      this.#plainAtMs = performance.now();
      this.#stream.write(`${plain}\n`);
    }
  }

  /** Takes the bar away, for other lines. */
  clear(): void {
    if (this.#stream.isTTY === true) this.#stream.write(CLEAR);
  }
}
