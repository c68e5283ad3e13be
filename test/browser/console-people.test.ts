// A workspace and its people: it is renamed, somebody is invited, owns it for a while and is removed; projects are made and archived; a
// token is made and revoked; alerts are set and sent; all of it can be read; and it is closed.

import { expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { Visitor } from './support/visitor.ts';

const GUEST = 'guest@example.com';
const stage = useConsoleStage();
let visitor: Visitor;

it('is renamed, which every page shows', { timeout: STORY_TIMEOUT_MS }, async () => {
  visitor = await Visitor.arrive(stage(), PRODUCT);
  const { page } = visitor;
  await visitor.signIn('olga@example.com');
  await visitor.createWorkspace('Olga Organs');
  await visitor.open(PAGE_PATHS.workspace);
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Olga Organs & Sons');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => page.getByText('The workspace is renamed.').count()).toBe(1);
  await expect
    .poll(() => page.getByRole('button', { name: /^Switch workspace, now Olga Organs & Sons/ }).count())
    .toBe(1);
});

it('gets another short name, after it was said what that means', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  const field = page.getByRole('textbox', { name: 'Short name' });
  const change = page.getByRole('button', { name: 'Change', exact: true });
  expect(await field.inputValue()).toBe('olga-organs');
  await field.fill('olga organs');
  await expect.poll(() => page.getByText('Type 3 to 48 lower-case letters, digits and hyphens.').count()).toBe(1);
  expect(await change.isDisabled()).toBe(true);
  await field.fill('organs');
  await change.click();
  const dialog = page.getByRole('dialog');
  await expect
    .poll(() => dialog.getByText(/^Whoever names this workspace “olga-organs” has to use “organs”/).count())
    .toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await dialog.getByRole('button', { name: 'Change', exact: true }).click();
  await expect.poll(() => page.getByText('The short name is changed.').count()).toBe(1);
  const [workspace] = (await visitor.ask<{ workspaces: { slug: string }[] }>('/v1/workspaces')).workspaces;
  expect(workspace?.slug).toBe('organs');
  // Nobody can be handed it yet.
  expect(await page.getByText(/^It can be handed to another administrator\./).count()).toBe(1);
  expect(await page.getByRole('button', { name: 'Transfer ownership' }).count()).toBe(0);
});

it('archives a project and takes it back', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.people);
  await expect.poll(() => page.getByText('There are no projects yet.').count()).toBe(1);
  await page.getByRole('button', { name: 'New project' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Pipes');
  await dialog.getByRole('button', { name: 'Create project' }).click();
  await act('Rename');
  await dialog.getByLabel('Name').fill('Organ pipes');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => page.getByText('The project is renamed.').count()).toBe(1);
  await act('Archive');
  await expect.poll(() => dialog.getByText(/^Nobody gets a role in it any more\./).count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await dialog.getByRole('button', { name: 'Archive' }).click();
  const row = page.getByRole('row').filter({ hasText: 'Organ pipes' });
  await expect.poll(() => row.getByText('Archived').count()).toBe(1);
  await page.getByRole('button', { name: 'Invite' }).click();
  await dialog.getByLabel('Viewer').check();
  await expect.poll(() => dialog.getByText(/^There are no projects yet\./).count()).toBe(1);
  await page.keyboard.press('Escape');
  await page.goto(`${stage().urlOf(PRODUCT)}${PAGE_PATHS.analytics}`);
  await expect.poll(() => page.getByRole('option', { name: 'Organ pipes (archived)' }).count()).toBe(1);
  await visitor.open(PAGE_PATHS.people);
  await act('Restore');
  await expect.poll(() => row.getByText('Archived').count()).toBe(0);

  async function act(item: string): Promise<void> {
    await page.getByRole('button', { name: /^Actions: (Pipes|Organ pipes)$/ }).click();
    await page.getByRole('menuitem', { name: item }).click();
  }
});

it('makes a token, which is shown once, and revokes it', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.tokens);
  await expect.poll(() => page.getByText('No access tokens yet').count()).toBe(1);
  await page.getByRole('button', { name: 'New token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('nightly job');
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await dialog.getByText('Copy it now: it is not shown again.').waitFor();
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'Revoke nightly job' }).click();
  await expect.poll(() => dialog.getByText(/^Programs that use it are refused from now on\./).count()).toBe(1);
  await dialog.getByRole('button', { name: 'Revoke', exact: true }).click();
  await expect.poll(() => page.getByText('No access tokens yet').count()).toBe(1);
});

it('invites somebody, hands the workspace to them, and removes them', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.people);
  await page.getByRole('button', { name: 'Invite' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Email address').fill(GUEST);
  await dialog.getByLabel('Administrator').check();
  await dialog.getByRole('button', { name: 'Send invitation' }).click();
  await expect.poll(() => page.getByRole('cell', { name: GUEST, exact: true }).count()).toBe(1);
  await accept(await stage().findMailedLink(GUEST));
  await visitor.open(PAGE_PATHS.workspace);
  await page.getByRole('button', { name: 'Transfer ownership' }).click();
  await expect.poll(() => dialog.getByText('olga stays an administrator.').count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await dialog.getByRole('button', { name: 'Transfer ownership' }).click();
  await expect.poll(() => page.getByText('The workspace belongs to guest now.').count()).toBe(1);
  await visitor.open(PAGE_PATHS.people);
  const row = page.getByRole('row').filter({ hasText: GUEST });
  await expect.poll(() => row.getByText('Owner').count()).toBe(1);
  await row.getByRole('button', { name: /^Actions/ }).click();
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await page.getByRole('menuitem', { name: 'Remove' }).click();
  await expect.poll(() => dialog.getByText(/^They lose access at once/).count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await expect.poll(() => page.getByText('They are removed.').count()).toBe(1);
  await expect.poll(() => row.count()).toBe(0);
});

it('tells who did what', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.activity);
  const row = (act: string) => page.getByRole('row').filter({ hasText: act });
  await expect.poll(() => row('Removed a member').getByText('olga', { exact: true }).count()).toBe(1);
  await expect.poll(() => row('Changed a project: Organ pipes').getByText('Archived: No → Yes').count()).toBe(1);
  await expect.poll(() => row('Changed the workspace').getByText('Short name: olga-organs → organs').count()).toBe(1);
  await expect.poll(() => row('Accepted an invitation').getByText('Somebody who has left').count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
});

it('sets thresholds, by which the overview warns', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.alerts);
  const field = page.getByLabel('When fewer credits are left than');
  await field.fill('4');
  await page.getByRole('button', { name: 'Add threshold' }).click();
  await expect.poll(() => page.getByText('Below 4 credits').count()).toBe(1);
  await expect.poll(() => field.inputValue()).toBe('');
  await field.fill('20');
  await page.getByRole('button', { name: 'Add threshold' }).click();
  await expect.poll(() => page.getByText('The balance is below it now').count()).toBe(1);
  await page.getByRole('link', { name: 'Billing overview' }).click();
  await expect.poll(() => page.getByText('Credits are running low: 5 left').count()).toBe(1);
  await visitor.open(PAGE_PATHS.alerts);
  await page.getByRole('button', { name: 'Remove the threshold of 20 credits' }).click();
  await expect.poll(() => page.getByText('Below 20 credits').count()).toBe(0);
  await page.getByRole('link', { name: 'Billing overview' }).click();
  await expect.poll(() => visitor.available()).toBe('5');
  expect(await page.getByText('Credits are running low').count()).toBe(0);
});

it('has events sent to an address, and tells what became of them', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.alerts);
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  const dialog = page.getByRole('dialog');
  const target = `${stage().dev.issuer.url}/nothing-takes-events-here`;
  await dialog.getByLabel('Address').fill(target);
  await dialog.getByLabel('Only these').check();
  await dialog.getByLabel('A payment of the plan failed').check();
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await dialog.getByRole('button', { name: 'Add endpoint' }).click();
  await expect.poll(() => dialog.getByText(/^whsec_/).count()).toBe(1);
  await dialog.getByRole('button', { name: 'Done' }).click();
  const row = page.getByRole('row').filter({ hasText: target }).first();
  await expect.poll(() => row.getByText('1 type of events').count()).toBe(1);
  await act('Send a test event');
  const delivery = page.getByRole('row').filter({ hasText: 'Test event' });
  await expect.poll(() => delivery.getByText('Failed', { exact: true }).count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await act('New secret');
  await dialog.getByRole('button', { name: 'New secret' }).click();
  await expect.poll(() => dialog.getByText(/^whsec_/).count()).toBe(1);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await act('Edit');
  await dialog.getByRole('switch', { name: 'Send events to it' }).uncheck();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => row.getByText('Off', { exact: true }).count()).toBe(1);
  await act('Delete');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect.poll(() => page.getByText('No endpoints yet').count()).toBe(1);
  await expect.poll(() => page.getByText('a deleted endpoint').count()).toBe(1);

  async function act(item: string): Promise<void> {
    await row.getByRole('button', { name: /^Actions/ }).click();
    await page.getByRole('menuitem', { name: item }).click();
  }
});

it('is closed for ever, after its name was typed, which leads on', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.workspace);
  await page.getByRole('button', { name: 'Close workspace' }).click();
  const dialog = page.getByRole('dialog');
  await expect
    .poll(() => dialog.getByText('Credits that are left can not be used any more (now 5 credits).').count())
    .toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  expect(await dialog.getByRole('button', { name: 'Close workspace' }).isDisabled()).toBe(true);
  await dialog.getByRole('textbox').fill('Olga Organs & Sons');
  await dialog.getByRole('button', { name: 'Close workspace' }).click();
  await page.getByRole('heading', { level: 1, name: 'Create your workspace' }).waitFor();
  expect(visitor.complaints).toEqual([]);
  await visitor.close();
});

/** Accepts an invitation, as whom it was sent to. */
async function accept(link: string): Promise<void> {
  const guest = await Visitor.arrive(stage(), PRODUCT);
  const { page } = guest;
  await page.goto(link);
  await page.getByRole('link', { name: 'Sign in', exact: true }).click();
  await page.getByLabel('Any other address').fill(GUEST);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText(`You are signed in as ${GUEST}`).waitFor();
  await expect.poll(() => guest.findBarriers()).toEqual([]);
  await page.getByRole('button', { name: 'Accept the invitation' }).click();
  await page.getByText('You are in “Olga Organs & Sons” now.').waitFor();
  await page.getByRole('heading', { level: 1, name: 'Billing' }).waitFor();
  expect(new URL(page.url()).search).toBe('');
  expect(await page.evaluate('Object.keys(sessionStorage).filter((name) => name.startsWith("wheelhouse:"))')).toEqual(
    [],
  );
  await guest.close();
}
