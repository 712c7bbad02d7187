/** Secrets of webhooks: told once, kept sealed. The newest stands first; an older one stays while its other side changes over. */
import { createHmac } from 'node:crypto';
import type { Hmac } from '../../domain/webhooks/signatures.ts';
import type { WebhookRow } from '../../ports/store/webhook-store.ts';
import type { Vault } from '../../ports/vault.ts';

export const SECRET_PREFIX = 'whsec_';
export const SECRET_BYTES = 32;

export const hmac: Hmac = (name, secret, message) => createHmac(name, secret).update(message).digest();

type Owner = Pick<WebhookRow, 'projectId' | 'id'>;
const contextOf = ({ projectId, id }: Owner): string => `webhook ${projectId}/${id}`;

export function sealSecrets(vault: Vault, owner: Owner, secrets: readonly string[]): string {
  return vault.seal(JSON.stringify(secrets), contextOf(owner));
}

export function openSecrets(vault: Vault, row: WebhookRow): readonly string[] {
  return JSON.parse(vault.open(row.secrets, contextOf(row))) as string[];
}

export const secretBytes = (secrets: readonly string[]): Uint8Array[] => secrets.map((secret) => Buffer.from(secret));
