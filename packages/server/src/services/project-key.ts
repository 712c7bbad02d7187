/** The API key that a fresh server hands to its operator, and the lasting one of a developer's machine. */
import type { Keys } from './keys.ts';
import type { Principals } from './principals.ts';

export interface KeyKeeper {
  read(): string | undefined;
  write(secret: string): void;
}

/** The key of a dev server: kept beside its data, so that a restart does not make the commands of another terminal strangers. */
export async function lastingKey(options: {
  keys: Keys;
  principals: Principals;
  projectId: string;
  scopes: readonly string[];
  keeper: KeyKeeper;
}): Promise<string> {
  const { keys, principals, projectId, keeper } = options;
  const kept = keeper.read();
  if (kept !== undefined && (await principals.identify({ apiKey: kept })).kind === 'key') return kept;
  const { secret } = await keys.create(projectId, { name: 'martlet dev', scopes: options.scopes, expiresAt: null });
  keeper.write(secret);
  return secret;
}
