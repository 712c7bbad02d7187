/** The issuer whose tokens a project trusts, as it is set and stored. */
import type { IssuerAlgorithm, TrustedIssuerResource } from '@martlet/protocol';

export type TrustedIssuer = TrustedIssuerResource;

const LENGTH_MAX = 512;
/** Labels that `execute` roles can name. */
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/;
const LABELS_MAX = 100;
const CLAIM = /^[^\0]{1,128}$/;

export const defaultAlgorithms = ['RS256', 'ES256', 'EdDSA', 'Ed25519'] as const satisfies readonly IssuerAlgorithm[];

/** The parameter that is wrong, and why; undefined where all is well. `isPlainAllowed`: hosts that may be reached without TLS. */
export function issuerProblem(
  issuer: TrustedIssuer,
  isPlainAllowed: (host: string) => boolean,
): { param: string; reason: string } | undefined {
  for (const param of ['issuer', 'jwksUrl'] as const) {
    if (param === 'jwksUrl' && issuer.jwksUrl === '') continue;
    const reason = addressProblem(issuer[param], isPlainAllowed);
    if (reason !== undefined) return { param, reason };
  }
  if (!CLAIM.test(issuer.userClaim)) return { param: 'userClaim', reason: 'Value must be the name of a claim of 1 to 128 chars' };
  if (issuer.labelsClaim !== '' && !CLAIM.test(issuer.labelsClaim))
    return { param: 'labelsClaim', reason: 'Value must be the name of a claim of 1 to 128 chars, or empty' };
  return undefined;
}

function addressProblem(text: string, isPlainAllowed: (host: string) => boolean): string | undefined {
  if (text.length > LENGTH_MAX || !URL.canParse(text)) return `Value must be a valid URL no longer than ${LENGTH_MAX} chars`;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return 'Value must be a URL without credentials, query and fragment';
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isPlainAllowed(url.host))) return undefined;
  return 'Value must be an https URL; plain http is for hosts that the operator has named in MARTLET_OIDC_PRIVATE_HOSTS';
}

export function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** The subject in a token that was verified, or undefined where the claim is no text that can name somebody. */
export function subjectOf(claims: Readonly<Record<string, unknown>>, { userClaim }: TrustedIssuer): string | undefined {
  const value = claims[userClaim];
  return typeof value === 'string' && value !== '' && value.length <= LENGTH_MAX && !value.includes('\0') ? value : undefined;
}

/** Labels in a token: a list, or words between spaces as in `scope`. What cannot be a label is left out. */
export function labelsOf(claims: Readonly<Record<string, unknown>>, { labelsClaim }: TrustedIssuer): string[] {
  const value = labelsClaim === '' ? undefined : claims[labelsClaim];
  const list: readonly unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  const labels = list.filter((label): label is string => typeof label === 'string' && LABEL.test(label));
  return [...new Set(labels)].slice(0, LABELS_MAX);
}
