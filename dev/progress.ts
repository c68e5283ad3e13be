/**
 * Owns: showing steps while they run: live in a terminal, as plain lines elsewhere.
 * Does not own: what the steps do.
 */
import { Listr } from 'listr2';

/** Is told in a few words what a step is busy with. */
export type Note = (text: string) => void;

/**
 * Shows a step while it runs, and what came of it.
 * Throws what the work throws.
 */
export async function showStep<Result>(
  title: string,
  work: (note: Note) => Promise<Result>,
  describe: (result: Result) => string = () => title,
): Promise<Result> {
  const outcome = Promise.withResolvers<Result>();
  const steps = new Listr(
    [
      {
        title,
        task: async (_context, task) => {
          try {
            const result = await work((text) => {
              task.output = text;
            });
            task.title = describe(result);
            outcome.resolve(result);
          } catch (error) {
            outcome.reject(error);
            // The renderer shows a message in one line; the whole one comes at the end, from whoever catches it.
            throw new Error('see below');
          }
        },
      },
    ],
    {
      renderer: 'default',
      fallbackRenderer: 'simple',
      // A terminal without a width can't be drawn on.
      fallbackRendererCondition: () => !process.stdout.isTTY || !process.stdout.columns,
      rendererOptions: { showErrorMessage: false, suffixSkips: false },
      // The program has its own order of stopping.
      registerSignalListeners: false,
    },
  );
  await steps.run().catch(() => {});
  return await outcome.promise;
}
