/** How a sender signs its webhooks: our own way, Stripe's, GitHub's, or an HMAC in a header as most others do it. */
import { z } from 'zod';

/** Seconds that the timestamp of a webhook may be away from our clock, so that a recorded one cannot be sent again later. */
const TOLERANCE_DEFAULT = 300;
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const PLACEHOLDER = /\{([^{}]*)\}/g;
const KNOWN = ['body', 'timestamp', 'id'] as const;
export type SignedPart = (typeof KNOWN)[number] | { readonly literal: string };

const toleranceSeconds = z.int().min(1).max(86_400).default(TOLERANCE_DEFAULT);
const headerName = z.string().regex(HEADER, 'must be the name of a header');
const printable = z.string().regex(/^[!-~]*$/, 'must be printable ASCII without spaces');

const hmacScheme = z
  .strictObject({
    kind: z.literal('hmac'),
    /** Where the signature stands; several may, with spaces between. */
    header: headerName,
    hash: z.enum(['sha256', 'sha512', 'sha1']).default('sha256'),
    encoding: z.enum(['hex', 'base64']).default('hex'),
    /** What stands before each signature, such as `sha256=`. */
    prefix: printable.max(32).default(''),
    /** What is signed: text with `{body}` and, where their headers are named, `{timestamp}` and `{id}`. */
    signed: printable.max(200).default('{body}'),
    timestampHeader: headerName.optional(),
    idHeader: headerName.optional(),
    toleranceSeconds,
  })
  .superRefine((scheme, context) => {
    const names = [...scheme.signed.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const unknown = names.find((name) => !KNOWN.some((known) => known === name));
    if (unknown !== undefined) problem('signed', `has {${unknown}}; known are ${KNOWN.map((name) => `{${name}}`).join(', ')}`);
    if (names.filter((name) => name === 'body').length !== 1) problem('signed', 'must have {body} once: what is not signed can be changed');
    for (const [name, header] of [
      ['timestamp', 'timestampHeader'],
      ['id', 'idHeader'],
    ] as const) {
      if (names.includes(name) && scheme[header] === undefined) problem(header, `is missing: "signed" has {${name}}`);
      if (!names.includes(name) && scheme[header] !== undefined) problem(header, `means nothing unless {${name}} stands in "signed"`);
    }
  });

export const signatureSchemeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('martlet'), toleranceSeconds }),
  z.strictObject({ kind: z.literal('stripe'), toleranceSeconds }),
  z.strictObject({ kind: z.literal('github') }),
  hmacScheme,
]);
export type SignatureScheme = z.infer<typeof signatureSchemeSchema>;
export type HmacScheme = z.infer<typeof hmacScheme>;

export function signedParts(signed: string): SignedPart[] {
  return signed.split(/(\{(?:body|timestamp|id)\})/).flatMap((part): SignedPart[] => {
    const name = KNOWN.find((known) => part === `{${known}}`);
    if (name !== undefined) return [name];
    return part === '' ? [] : [{ literal: part }];
  });
}
