/**
 * Owns: mails that the local stack has sent, and what people and scripts are shown of them.
 * Does not own: how they arrive (`mail-inbox.ts`).
 * Invariant: it keeps a bounded number, and drops the oldest.
 */
import PostalMime from 'postal-mime';

/** Is how many mails are kept. */
const MAILS_MAX = 500;

/** Is a mail, as `mails.json` shows it; its names are a contract with scripts. */
export interface Mail {
  readonly mail_id: number;
  readonly received_time: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
}

/** Keeps mails. */
export class MailShelf {
  #mails: readonly Mail[] = [];
  #count = 0;

  /** Adds a mail as it came, for whom its envelope names. Throws when it can't be read. */
  async add(bytes: Uint8Array, to: readonly string[]): Promise<void> {
    const { from, subject = '', text = '' } = await PostalMime.parse(bytes);
    this.#count += 1;
    const mail: Mail = {
      mail_id: this.#count,
      received_time: new Date().toISOString(),
      from: from?.address ?? '',
      to,
      subject,
      text,
    };
    this.#mails = [mail, ...this.#mails].slice(0, MAILS_MAX);
  }

  /** Lists the mails, the newest first. */
  list(): readonly Mail[] {
    return this.#mails;
  }
}
