/** Seals secrets with AES-256-GCM under keys of this machine, kept in a file that only the server's user can read. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Vault } from '../../ports/vault.ts';

/**
 * Keys are 32 bytes in base64 (or base64url), one a line in a file. The first one seals, all of them open: to rotate,
 * put a new line on top. Empty lines and lines that start with `#` are skipped.
 */
export type LocalVaultOptions =
  | { /** Made with one fresh key where it is missing. */ readonly keyFile: string }
  | { readonly keys: readonly string[] };

const FORMAT = 'v1';
const KEY_BYTES = 32;
/** 96 random bits, as NIST SP 800-38D wants them: safe for 2^32 values under one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface VaultKey {
  readonly id: string;
  readonly bytes: Buffer;
}

export interface LocalVault extends Vault {
  /** Names of its keys, the one that seals first. They tell keys apart, and nothing about them. */
  readonly keyIds: readonly string[];
}

/** @throws {Error} when a key is not valid, or the file cannot be read or made */
export function createLocalVault(options: LocalVaultOptions): LocalVault {
  const keys = 'keyFile' in options ? readKeyFile(options.keyFile) : options.keys.map((text, index) => parseKey(text, `key ${index + 1}`));
  const [first] = keys;
  if (first === undefined) throw new Error('Cannot open the vault: there is no key.');
  const byId = new Map(keys.map((key) => [key.id, key.bytes]));
  return {
    keyIds: keys.map(({ id }) => id),
    seal: (plain, context) => seal(first, plain, context),
    open: (sealed, context) => open(byId, sealed, context),
  };
}

function seal(key: VaultKey, plain: string, context: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(context));
  const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${FORMAT}.${key.id}.${sealed.toString('base64url')}`;
}

function open(keys: ReadonlyMap<string, Buffer>, sealed: string, context: string): string {
  const [format, keyId = '', text = '', ...rest] = sealed.split('.');
  if (format !== FORMAT || rest.length > 0) throw new Error('Cannot open a secret: it is not in a format of this vault.');
  const key = keys.get(keyId);
  if (key === undefined)
    throw new Error(
      `Cannot open a secret: it was sealed by the key ${keyId}, which this vault does not have. Add that key to the key file.`,
    );
  const bytes = Buffer.from(text, 'base64url');
  // Decoding ignores what is not base64url; what was sealed must come back letter for letter.
  if (bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== text)
    throw new Error('Cannot open a secret: it is damaged.');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const plain = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new Error('Cannot open a secret: it was changed, or sealed for another place.', { cause });
  }
}

function readKeyFile(path: string): VaultKey[] {
  const text = readIfThere(path) ?? makeKeyFile(path);
  return text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), at: `line ${index + 1} of ${path}` }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'))
    .map(({ line, at }) => parseKey(line, at));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`Cannot read the key file of the vault ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Written whole under another name and then linked, which fails where a file exists: of two servers that start at once
 * both use the key of the first, and a crash leaves no half of a key.
 */
function makeKeyFile(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const unfinished = `${path}.${randomBytes(6).toString('hex')}.new`;
  const file = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(file, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
    fsyncSync(file);
    linkSync(unfinished, path);
    syncFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    closeSync(file);
    rmSync(unfinished, { force: true });
  }
  return readFileSync(path, 'utf8');
}

/** A new name survives a loss of power only when its folder was synced too. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function parseKey(text: string, at: string): VaultKey {
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== KEY_BYTES) throw new Error(`Cannot open the vault: ${at} is not ${KEY_BYTES} bytes in base64.`);
  // Eight hexadecimal digits tell keys apart, and nothing about them.
  return { id: createHash('sha256').update('martlet vault key').update(bytes).digest('hex').slice(0, 8), bytes };
}
