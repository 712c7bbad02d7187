/** Nodes that share a database must be able to open each other's secrets: the key that seals is on record, by its name. */
import { PlatformError } from '@martlet/protocol';
import { createConnections } from '../postgres-connection/connections.ts';
import { toPlatformError } from '../postgres-connection/faults.ts';
import { prepareTables } from '../postgres-connection/prepare-tables.ts';
import { readSettings } from '../postgres-connection/settings.ts';

const TABLE = 'create table if not exists agreements (name text primary key, value text not null)';
const LIMITS = { statementMs: 10_000, lockMs: 10_000 };

/**
 * `keyIds`: names of the keys of this node, the one that seals first. A node that has the key on record and seals by a
 * newer one puts that one on record: so a rotation that left out a node is noticed when that node starts.
 * @throws {PlatformError} `config_invalid` for a node that lacks the key on record, `store_unavailable`
 */
export async function agreeOnVault({ url, keyIds }: { url: string; keyIds: readonly string[] }): Promise<void> {
  const connections = createConnections({ settings: readSettings(url), limits: LIMITS, max: 1 });
  try {
    await prepareTables(connections, TABLE);
    await connections.write(async (session) => {
      await session.query(`insert into agreements (name, value) values ('vault-key', $1) on conflict (name) do nothing`, [keyIds[0]]);
      const { rows } = await session.query<{ value: string }>(`select value from agreements where name = 'vault-key' for update`);
      const onRecord = rows[0]?.value ?? '';
      if (!keyIds.includes(onRecord)) throw disagree(keyIds, onRecord);
      if (onRecord !== keyIds[0]) await session.query(`update agreements set value = $1 where name = 'vault-key'`, [keyIds[0]]);
    });
  } catch (error) {
    throw toPlatformError(error);
  } finally {
    await connections.close();
  }
}

function disagree(keyIds: readonly string[], onRecord: string): PlatformError {
  return new PlatformError(
    'config_invalid',
    `Cannot serve: the secrets in this database are sealed with the vault key ${onRecord}, and this node has ${keyIds.join(', ')}. Set MARTLET_VAULT_KEY to the key of the other nodes; a node without that setting keeps its key in vault.keys of its data folder.`,
  );
}
