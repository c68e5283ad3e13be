// Owns what mails say: subject, plain text and HTML. Does not own where the Console is, or how a mail goes out.
// Invariants: what people have named is a text and never markup, one line, and never an address that a reader's program makes
// a link of, for whoever starts a signup chooses whom the mail goes to; the token stands behind `#`, which browsers send
// to no server; a page that is not the Console is led to only where its address is one of the web.

import { type AutoTopUpStop, isMendedByCard } from '../../domain/auto-top-up.ts';
import type { Instant } from '../../domain/id.ts';
import { isNotice, type LinkContent, type MailContent, type NoticeContent } from './mail-outbox.ts';
import type { OutgoingMail } from './ports.ts';

const NAME_LENGTH_MAX = 80;
/** Also a bare host or address of a machine, which mail readers make a link of. */
const LINK_LIKE = /:\/\/|www\.|@|mailto:|[\p{L}\p{M}\p{N}-]\.[\p{L}\p{M}]{2,}|\d\.\d{1,3}\.\d{1,3}\.\d/iu;
/** What browsers take for a dot in a host, beside what NFKC makes one of. */
const OTHER_DOT = /\u3002/g;
const CONTROL_OR_SPACE = /[\s\p{C}]+/gu;

/** Writes a mail. `consoleUrl` is where people of the mail's product sign in, without a slash at its end. */
export function writeMail(content: MailContent, consoleUrl: string): Pick<OutgoingMail, 'subject' | 'text' | 'html'> {
  const { subject, opening, action, link, closing } = isNotice(content)
    ? noticeOf(content, consoleUrl)
    : linkOf(content, consoleUrl);
  return {
    subject,
    text: `${opening}\n\n${action}:\n${link}\n\n${closing.join('\n')}\n`,
    html:
      '<!doctype html>\n<html lang="en"><body>\n' +
      `<p>${escapeHtml(opening)}</p>\n<p><a href="${escapeHtml(link)}">${escapeHtml(action)}</a></p>\n` +
      `<p>${escapeHtml(closing.join(' '))}</p>\n</body></html>\n`,
  };
}

interface Words {
  readonly subject: string;
  readonly opening: string;
  readonly action: string;
  readonly link: string;
  /** Sentences. */
  readonly closing: readonly string[];
}

function linkOf(content: LinkContent, consoleUrl: string): Words {
  const workspace = showName(content.workspaceName);
  const token = encodeURIComponent(content.token);
  const until = `This works until ${formatTime(content.expiresAt)}, once.`;
  if (content.template === 'signup') {
    return {
      subject: 'Confirm your new workspace',
      opening: `Somebody, probably you, wants to open the workspace ${workspace ?? 'that was asked for'} with this email address.`,
      action: 'Confirm it and open the workspace',
      link: `${consoleUrl}/confirm-signup#token=${token}`,
      closing: [until, 'If it was not you, do nothing: nothing was opened.'],
    };
  }
  const inviter = showName(content.inviter) ?? 'Somebody';
  return {
    subject: `Invitation to ${workspace === undefined ? 'a workspace' : `the workspace ${workspace}`}`,
    opening: `${inviter} invites you to ${workspace === undefined ? 'a workspace' : `the workspace ${workspace}`}.`,
    action: 'Accept the invitation',
    link: `${consoleUrl}/accept-invitation#token=${token}`,
    closing: [until, 'If you do not know who this is, do nothing.'],
  };
}

const ADDRESSEE = 'You get this mail as an administrator of the workspace.';

function noticeOf(content: NoticeContent, consoleUrl: string): Words {
  if (content.template === 'alert_endpoint_disabled') return disablementOf(content, consoleUrl);
  const name = showName(content.workspaceName);
  const workspace = name === undefined ? 'your workspace' : `the workspace ${name}`;
  if (content.template === 'auto_top_up_stopped') return autoTopUpStopOf(workspace, content.because, consoleUrl);
  const plan = showName(content.planName);
  const ofPlan = plan === undefined ? '' : ` of the plan ${plan}`;
  const console = { action: 'See plan and payment', link: `${consoleUrl}/settings/billing` };
  if (content.template === 'trial_ending') {
    return {
      subject: `The trial of ${workspace} ends soon`,
      opening: `The trial${ofPlan} in ${workspace} ends on ${formatTime(content.expiresAt)}.`,
      ...console,
      closing: [content.becomesPaid ? BECOMES_PAID : FALLS_BACK, ADDRESSEE],
    };
  }
  const page = webAddressOf(content.paymentUrl);
  return {
    subject: `A payment for ${workspace} failed`,
    opening: `A payment${ofPlan} for ${workspace} failed.`,
    ...(page === undefined ? console : { action: 'Pay what is open', link: page }),
    closing: [graceOf(content.graceEndsAt), ADDRESSEE],
  };
}

function disablementOf(
  { workspaceName, host, isGone, failingSince }: Extract<NoticeContent, { template: 'alert_endpoint_disabled' }>,
  consoleUrl: string,
): Words {
  const name = showName(workspaceName);
  const workspace = name === undefined ? 'your workspace' : `the workspace ${name}`;
  // A host looks like what mail readers make a link of; it is the administrators' own word, and still shown without dots.
  const shown = `“${host.replaceAll('.', ' . ')}”`;
  const why = isGone ? 'it answered that it is gone' : `nothing got through since ${formatTime(failingSince)}`;
  return {
    subject: `Alerts of ${workspace} are not delivered any more`,
    opening: `The alert endpoint at ${shown} of ${workspace} was switched off: ${why}.`,
    action: 'See the alert endpoints',
    link: `${consoleUrl}/settings/alerts`,
    closing: ['Switch it on again once it works, and send again what it missed.', ADDRESSEE],
  };
}

function autoTopUpStopOf(workspace: string, because: AutoTopUpStop, consoleUrl: string): Words {
  const charged = because === 'returned' ? '' : ' Nothing was charged.';
  const byCard = isMendedByCard(because) ? 'with another default payment method, or ' : '';
  return {
    subject: `Credits for ${workspace} are not bought automatically any more`,
    opening: `The automatic top-up of ${workspace} was stopped: ${AUTO_TOP_UP_STOPS[because]}.${charged}`,
    action: 'See automatic top-up and payment',
    link: `${consoleUrl}/settings/billing`,
    closing: [`It goes on ${byCard}when it is set again.`, ADDRESSEE],
  };
}

const AUTO_TOP_UP_STOPS: Readonly<Record<AutoTopUpStop, string>> = {
  declined: 'the payment method was declined',
  requires_action: 'the bank wants to see its customer for the payment',
  payment_method_missing: 'there is no default payment method',
  price_changed: 'the plan sells these credits at another price now',
  not_offered: 'the plan sells no credits',
  not_paid: 'the purchase ended without a payment',
  returned: 'money of a purchase went back, or a payment was disputed',
};

const BECOMES_PAID =
  'The plan then goes on as a paid one, and the stored payment method is charged. If you do not want that, cancel before.';
const FALLS_BACK =
  'The workspace then goes on without this plan; credits that were bought stay. To keep the plan, choose it before.';

function graceOf(endsAt: Instant | undefined): string {
  if (endsAt === undefined) return 'The workspace keeps the plan only if this is paid.';
  return `Everything stays as it is until ${formatTime(endsAt)}: pay before.`;
}

/** Answers an address in the form in which it can stand in a mail; undefined where it is none of the web. */
function webAddressOf(text: string | undefined): string | undefined {
  const url = text === undefined ? null : URL.parse(text);
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url.href : undefined;
}

/** A name as it can stand in a mail; undefined where it looks like an address. */
function showName(name: string): string | undefined {
  const line = name.replaceAll(CONTROL_OR_SPACE, ' ').trim();
  if (line === '' || LINK_LIKE.test(line.normalize('NFKC').replaceAll(OTHER_DOT, '.'))) return undefined;
  const characters = [...line];
  const shown = characters.length <= NAME_LENGTH_MAX ? line : `${characters.slice(0, NAME_LENGTH_MAX).join('')}…`;
  return `“${shown}”`;
}

function formatTime(at: Instant): string {
  return new Date(at).toUTCString();
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
