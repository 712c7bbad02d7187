/** Users, their sessions and teams as they travel over the control API, in the shapes of the Appwrite contract. */
import { z } from 'zod';

const id = z.string();
const date = z.string().describe('ISO 8601 in UTC; empty where unset');
const base = { $id: id, $createdAt: date, $updatedAt: date };

export const userResource = z.object({
  ...base,
  name: z.string(),
  registration: date,
  status: z.boolean().describe('False for a blocked user'),
  labels: z.array(z.string()),
  passwordUpdate: date,
  email: z.string(),
  phone: z.string(),
  emailVerification: z.boolean(),
  phoneVerification: z.boolean(),
  mfa: z.boolean(),
  prefs: z.record(z.string(), z.unknown()),
  targets: z.array(z.unknown()),
  accessedAt: date,
  issuer: z.string().describe('Of the trusted issuer that the user comes from; empty for users of the project itself'),
  subject: z.string().describe('What the issuer calls the user'),
});
export type UserResource = z.infer<typeof userResource>;

export const sessionProviders = ['anonymous', 'email', 'server'] as const;
export type SessionProvider = (typeof sessionProviders)[number];

export const sessionResource = z.object({
  ...base,
  userId: id,
  expire: date,
  provider: z.enum(sessionProviders),
  providerUid: z.string(),
  providerAccessToken: z.string(),
  providerAccessTokenExpiry: z.string(),
  providerRefreshToken: z.string(),
  ip: z.string(),
  osCode: z.string(),
  osName: z.string(),
  osVersion: z.string(),
  clientType: z.string(),
  clientCode: z.string(),
  clientName: z.string().describe('The User-Agent header of the caller'),
  clientVersion: z.string(),
  clientEngine: z.string(),
  clientEngineVersion: z.string(),
  deviceName: z.string(),
  deviceBrand: z.string(),
  deviceModel: z.string(),
  countryCode: z.string(),
  countryName: z.string(),
  current: z.boolean(),
  factors: z.array(z.string()),
  secret: z.string().describe('Only where an API key has just made the session'),
  mfaUpdatedAt: z.string(),
});
export type SessionResource = z.infer<typeof sessionResource>;

export const teamResource = z.object({
  ...base,
  name: z.string(),
  total: z.int().describe('Members'),
  prefs: z.record(z.string(), z.unknown()),
});
export type TeamResource = z.infer<typeof teamResource>;

export const membershipResource = z.object({
  ...base,
  userId: id,
  userName: z.string(),
  userEmail: z.string(),
  teamId: id,
  teamName: z.string(),
  invited: date,
  joined: date,
  confirm: z.boolean(),
  mfa: z.boolean(),
  roles: z.array(z.string()),
});
export type MembershipResource = z.infer<typeof membershipResource>;

/** Algorithms that a trusted issuer may sign with. None is symmetric: a public key can then never pass for a shared secret. */
export const issuerAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type IssuerAlgorithm = (typeof issuerAlgorithms)[number];

export const trustedIssuerResource = z.object({
  issuer: z.string(),
  audience: z.array(z.string()),
  jwksUrl: z.string().describe('Empty: read from the discovery document of the issuer'),
  algorithms: z.array(z.enum(issuerAlgorithms)),
  userClaim: z.string().describe('Claim that names the user'),
  labelsClaim: z.string().describe('Claim with labels of the user; empty: none'),
});
export type TrustedIssuerResource = z.infer<typeof trustedIssuerResource>;

export const tokenResource = z.object({ jwt: z.string() });
