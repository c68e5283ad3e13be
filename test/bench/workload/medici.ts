// Owns the baseline of a double-entry ledger on MongoDB: medici's withdrawal within a database session that checks the
// balance and locks the account, word for word as its README has it. No idempotency, no gRPC.

import { Book, initModels, mongoTransaction } from 'medici';
import mongoose from 'mongoose';
import type { Workload } from '../workload.ts';

const FUNDS = 1_000_000_000;

/** Is a ledger of medici's. */
export interface MediciTarget {
  /** Returns the workload that withdraws from one account. */
  workload(inFlight: number): Workload;
  close(): Promise<void>;
}

/** Opens medici's ledger in a database of its own. Throws the driver's error. */
export async function openMediciTarget(uri: string): Promise<MediciTarget> {
  // medici's models belong to mongoose's default connection.
  await mongoose.connect(uri, { writeConcern: { w: 'majority', journal: true } });
  await initModels();
  const book = new Book('bench');
  let accounts = 0;
  return {
    workload: (inFlight) => ({
      name: 'medici, balance-checked session',
      inFlight,
      operationsPerCall: 1,
      // Its balance check slows down with what was withdrawn since the last snapshot, so each round gets a new account.
      prepare: async () => {
        accounts += 1;
        await book.entry('top-up').debit('Assets', FUNDS).credit(`Accounts:${accounts}`, FUNDS).commit();
      },
      call: () => withdraw(book, `Accounts:${accounts}`, 1),
    }),
    close: () => mongoose.disconnect(),
  };
}

async function withdraw(book: Book, account: string, amount: number): Promise<void> {
  await mongoTransaction(async (session) => {
    await book.entry('debit').credit('Assets', amount).debit(account, amount).commit({ session });
    const { balance } = await book.balance({ account }, { session });
    if (balance < 0) throw new Error(`not enough balance in ${account}`);
    await book.writelockAccounts([account], { session });
  });
}
